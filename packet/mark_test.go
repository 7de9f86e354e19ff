package packet

import "testing"

// Two rules write their numbers into one mark, in any order and more than once, and nothing else of
// it changes.
func TestMark(t *testing.T) {
	const others = Mark(1) << 31
	write := func(m Mark, d Direction, number uint32) Mark {
		keep, set := ForwardMark(d, number)
		return m&keep | set
	}
	for _, in := range []uint32{0, 1, 7, MostForwarding} {
		for _, out := range []uint32{0, 1, 7, MostForwarding} {
			m := write(write(others, Ingress, in), Egress, out)
			again := write(write(write(m, Egress, 3), Ingress, in), Egress, out)
			if m.Admitted() != in || m.Released() != out || m&others == 0 || m != again {
				t.Errorf("%d and %d: %#x says %d and %d, and then %#x", in, out, m, m.Admitted(), m.Released(), again)
			}
		}
	}
	for _, number := range []uint32{0, 1, MostForwarding + 1, 1<<30 - 1} {
		if m := Mark(number) | others; m.Admitted() != number || m.Released() != 0 {
			t.Errorf("%#x says %d and %d", m, m.Admitted(), m.Released())
		}
	}
}
