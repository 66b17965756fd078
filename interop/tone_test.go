//go:build interop

package interop

import (
	"bytes"
	"encoding/binary"
	"math"
	"os"
	"testing"
)

// readWAV reads a file of one channel and 16 bits a sample.
func readWAV(t *testing.T, file string) (rate int, samples []float64) {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if len(b) < 12 || !bytes.Equal(b[:4], []byte("RIFF")) || !bytes.Equal(b[8:12], []byte("WAVE")) {
		t.Fatalf("%s: no WAV file", file)
	}
	for b = b[12:]; len(b) >= 8; {
		name, size := string(b[:4]), int(binary.LittleEndian.Uint32(b[4:]))
		chunk := b[8:min(8+size, len(b))]
		switch name {
		case "fmt ":
			if channels, bits := binary.LittleEndian.Uint16(chunk[2:]), binary.LittleEndian.Uint16(chunk[14:]); channels != 1 || bits != 16 {
				t.Fatalf("%s: %d channels of %d bits", file, channels, bits)
			}
			rate = int(binary.LittleEndian.Uint32(chunk[4:]))
		case "data":
			for ; len(chunk) >= 2; chunk = chunk[2:] {
				samples = append(samples, float64(int16(binary.LittleEndian.Uint16(chunk))))
			}
		}
		b = b[min(8+size+size%2, len(b)):]
	}
	if rate == 0 || len(samples) == 0 {
		t.Fatalf("%s: an empty recording", file)
	}
	return rate, samples
}

// purity returns which share of the energy of the samples is at a frequency,
// from 0 to 1.
func purity(samples []float64, rate, frequency int) float64 {
	// A tone of which a packet was lost or doubled changes its phase, so it is
	// looked at in pieces of a tenth of a second.
	piece := rate / 10
	var tone, all float64
	for ; len(samples) >= piece; samples = samples[piece:] {
		var re, im float64
		for i, x := range samples[:piece] {
			sin, cos := math.Sincos(2 * math.Pi * float64(frequency) * float64(i) / float64(rate))
			re += x * cos
			im += x * sin
			all += x * x
		}
		tone += 2 * (re*re + im*im) / float64(piece)
	}
	if all == 0 {
		return 0
	}
	return tone / all
}

// TestPurity makes sure that the ear itself can tell tones apart.
func TestPurity(t *testing.T) {
	samples := make([]float64, 8000)
	for i := range samples {
		samples[i] = 8000 * math.Sin(2*math.Pi*440*float64(i)/8000)
	}
	if right, wrong := purity(samples, 8000, 440), purity(samples, 8000, 880); right < 0.99 || wrong > 0.01 {
		t.Errorf("a tone of 440 Hz is %.2f of 440 Hz and %.2f of 880 Hz", right, wrong)
	}
	if got := purity(make([]float64, 8000), 8000, 440); got != 0 {
		t.Errorf("silence is %.2f of 440 Hz", got)
	}
}
