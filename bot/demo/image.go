package demo

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
)

// drawBridge draws the demo's picture: a bridge under a dark sky.
func drawBridge() []byte {
	const w, h, deck = 480, 240, 150
	img := image.NewRGBA(image.Rect(0, 0, w, h))
	steel, sky, sea := color.RGBA{200, 60, 50, 255}, color.RGBA{60, 70, 90, 255}, color.RGBA{30, 50, 80, 255}
	for y := range h {
		for x := range w {
			c := sky
			if y > deck+30 {
				c = sea
			}
			img.Set(x, y, c)
		}
	}
	for x := range w {
		// The cable hangs between two towers at a quarter and three quarters.
		d := (x%(w/2) - w/4) * (x%(w/2) - w/4) / 160
		cable := min(40+d, deck)
		if x >= w/4 && x < 3*w/4 {
			m := x - w/2
			cable = deck - 10 - (w/4*w/4-(w/4*w/4-m*m))*100/(w/4*w/4)
		}
		for y := range 4 {
			img.Set(x, deck+y, steel)
			img.Set(x, cable+y/2, steel)
		}
		if x%16 == 0 {
			for y := cable; y < deck; y++ {
				img.Set(x, y, steel)
			}
		}
	}
	for _, tower := range []int{w / 4, 3 * w / 4} {
		for x := tower - 4; x < tower+4; x++ {
			for y := 36; y < deck+40; y++ {
				img.Set(x, y, steel)
			}
		}
	}
	var buf bytes.Buffer
	if err := png.Encode(&buf, img); err != nil {
		panic("demo: " + err.Error()) // unreachable: a buffer takes everything
	}
	return buf.Bytes()
}
