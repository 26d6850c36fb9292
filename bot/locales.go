package bot

import "github.com/pullquote/pullquote/bot/chat"

// locales are the readers' commands in other languages, by command and BCP 47
// tag as Discord writes it ("Locales"). Answers are in English.
var locales = map[string]map[string]chat.Localised{
	"latest": {
		"de": {Name: "neueste", Summary: "Die neuesten Meldungen"}, "fr": {Name: "dernieres", Summary: "Les dernières infos"},
		"es-ES": {Name: "ultimas", Summary: "Las últimas noticias"}, "it": {Name: "ultime", Summary: "Gli ultimi aggiornamenti"},
		"nl": {Name: "laatste", Summary: "De laatste berichten"}, "pt-BR": {Name: "ultimas", Summary: "As últimas atualizações"},
	},
	"quotes": {
		"de":    {Name: "zitate", Summary: "Wer was gesagt hat: Zitate nach Wörtern oder Personen"},
		"fr":    {Name: "citations", Summary: "Qui a dit quoi : citations par mots ou par personne"},
		"es-ES": {Name: "citas", Summary: "Quién dijo qué: citas por palabras o por persona"},
		"it":    {Name: "citazioni", Summary: "Chi ha detto cosa: citazioni per parole o per persona"},
		"nl":    {Name: "citaten", Summary: "Wie wat zei: citaten op woorden of persoon"},
		"pt-BR": {Name: "citacoes", Summary: "Quem disse o quê: citações por palavras ou pessoa"},
	},
	"summary": {
		"de":    {Name: "zusammenfassung", Summary: "Die Meldungen, die für einen Zeitraum stehen"},
		"fr":    {Name: "resume", Summary: "Les infos qui résument une période"},
		"es-ES": {Name: "resumen", Summary: "Las noticias que resumen un período"},
		"it":    {Name: "riassunto", Summary: "Gli aggiornamenti che riassumono un periodo"},
		"nl":    {Name: "samenvatting", Summary: "De berichten die een periode samenvatten"},
		"pt-BR": {Name: "resumo", Summary: "As atualizações que resumem um período"},
	},
	"help": {
		"de": {Name: "hilfe", Summary: "Was man fragen kann"}, "fr": {Name: "aide", Summary: "Ce que l’on peut demander"},
		"es-ES": {Name: "ayuda", Summary: "Qué se puede preguntar"}, "it": {Name: "aiuto", Summary: "Che cosa si può chiedere"},
		"nl": {Name: "hulp", Summary: "Wat je kunt vragen"}, "pt-BR": {Name: "ajuda", Summary: "O que se pode perguntar"},
	},
}
