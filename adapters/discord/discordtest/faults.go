package discordtest

import (
	"net/http"
	"time"
)

// Faults are what a program that posts must survive, by name. Each meets one
// request, whatever it asks for; set Method, Channel, Path or Times of the copy
// to aim it. Those whose name ends in "-after" let the request take effect.
func Faults() map[string]Fault {
	limited := func(header, scope, body string) Fault {
		h := http.Header{}
		if header != "" {
			h.Set("Retry-After", header)
		}
		if scope != "" {
			h.Set("X-RateLimit-Scope", scope)
		}
		return Fault{Status: 429, Header: h, Body: body}
	}
	says := func(status int, body string) Fault { return Fault{Status: status, Body: body} }
	return map[string]Fault{
		"429-header":        limited("1", "user", `{}`),
		"429-body":          limited("", "user", `{"message":"You are being rate limited.","retry_after":0.3,"global":false}`),
		"429-both":          limited("1", "user", `{"message":"You are being rate limited.","retry_after":0.7,"global":false}`),
		"429-absurd":        limited("99999999999", "user", `{"retry_after":1e300}`),
		"429-nonsense":      limited("soon", "user", `{"retry_after":"later"}`),
		"429-global":        limited("1", "global", `{"retry_after":0.3,"global":true}`),
		"429-shared":        limited("1", "shared", `{"retry_after":0.3,"global":false}`),
		"429-edge":          says(429, `<html><title>Error 1015</title>You are being rate limited</html>`),
		"403-edge":          says(403, `<!DOCTYPE html><title>Access denied</title>error code: 1010`),
		"500":               says(500, `{"message":"500: Internal Server Error","code":0}`),
		"502":               says(502, `<html><title>502 Bad Gateway</title></html>`),
		"503":               says(503, ``),
		"500-after":         {Accept: true, Status: 500},
		"502-after":         {Accept: true, Status: 502, Body: `<html></html>`},
		"reset":             {Drop: true},
		"reset-after":       {Accept: true, Drop: true},
		"half-answer-after": {Accept: true, Drop: true, Half: true},
		"stall":             {Stall: true, Drop: true},
		"stall-after":       {Accept: true, Stall: true, Drop: true},
		"drip-after":        {Accept: true, Drip: 100 * time.Millisecond},
		"not-json-after":    {Accept: true, Status: 200, Body: `{"id":"15`},
		"html-after":        {Accept: true, Status: 200, Body: `<html>Welcome to our network</html>`},
		"no-id-after":       {Accept: true, Status: 200, Body: `{}`},
		"unauthorized":      says(401, `{"message":"401: Unauthorized","code":0}`),
		"missing-access":    says(403, `{"message":"Missing Access","code":50001}`),
		"missing-right":     says(403, `{"message":"Missing Permissions","code":50013}`),
		"channel-gone":      says(404, `{"message":"Unknown Channel","code":10003}`),
		"message-gone":      says(404, `{"message":"Unknown Message","code":10008}`),
		"edit-refused":      says(429, `{"message":"Maximum number of edits to messages older than 1 hour reached. Try again later","code":30046,"retry_after":600}`),
		"published-edits":   limited("1", "shared", `{"message":"The write action you are performing on the channel has hit the write rate limit.","code":20028,"retry_after":600}`),
		"archived":          says(400, `{"message":"Thread is archived","code":50083}`),
		"locked":            says(403, `{"message":"Thread is locked","code":160005}`),
		"invalid-form":      says(400, `{"message":"Invalid Form Body","code":50035}`),
		"automod":           says(400, `{"message":"Message was blocked by AutoMod","code":200000}`),
	}
}
