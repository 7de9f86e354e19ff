package lab

import (
	"context"
	"errors"
	"os"
	"sync"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"lablab/packet"
	"lablab/say"
)

// A Frame is one frame that passed an interface of a host.
type Frame struct {
	At        time.Time // kernel clock
	Interface int       // number of the interface, from 0
	Direction packet.Direction
	Bytes     []byte
	Length    int            // bytes on the wire
	Packet    *packet.Header // nil if it is not IP, so no rule applies
	Lost      int            // frames lost just before this one because the reader was too slow
}

// Capture calls see for each frame that passes an interface of a host, until ctx is done. It calls
// begun once the capture is running. Incoming packets are captured before the rules see them. For
// packets that the host's own egress rules drop, the frame has the headers only. Capture returns
// how many frames were lost after the last one that was seen.
func (l *Lab) Capture(ctx context.Context, host string, begun func(), see func(Frame)) (lost int, err error) {
	h, err := l.host(host)
	if err != nil {
		return 0, err
	}
	file, interfaces, err := h.listen()
	if err != nil {
		return 0, say.Errorf("capture at %s: %w", host, err)
	}
	defer file.Close()
	ctx, cancel := context.WithCancel(ctx)
	unsent := h.blocked.listen()
	var seeing sync.Mutex
	var both sync.WaitGroup
	defer func() {
		cancel()
		both.Wait()
		lost += h.blocked.leave(unsent)
	}()
	both.Go(func() {
		for {
			select {
			case f := <-unsent.frames:
				seeing.Lock()
				see(f)
				seeing.Unlock()
			case <-ctx.Done():
				return
			}
		}
	})
	defer context.AfterFunc(ctx, func() { _ = file.SetReadDeadline(time.Now()) })()
	raw, err := file.SyscallConn()
	if err != nil {
		return 0, say.Errorf("capture at %s: %w", host, err)
	}
	begun()
	const longest = 1 << 18 // bytes: segmentation offload delivers large frames in one piece
	buffer := make([]byte, longest)
	const often = 20 * time.Millisecond
	for asked := time.Now(); ; {
		var frame Frame
		var failed error
		err := raw.Read(func(fd uintptr) bool {
			frame, failed = receive(int(fd), buffer, interfaces)
			return !errors.Is(failed, unix.EAGAIN)
		})
		if ctx.Err() != nil {
			return dropped(raw), nil
		}
		if err := errors.Join(err, failed); err != nil {
			return dropped(raw), say.Errorf("capture at %s: %w", host, err)
		}
		if frame.Interface < 0 {
			continue
		}
		if time.Since(asked) > often {
			frame.Lost, asked = dropped(raw), time.Now()
		}
		seeing.Lock()
		see(frame)
		seeing.Unlock()
	}
}

// listen opens a packet socket in the host (packet(7)), and returns the number of each of its
// interfaces by the kernel's index. If there are two, the one socket keeps their frames in order, and
// receives those of other interfaces too.
func (h *Host) listen() (*os.File, map[int]int, error) {
	handle, err := rtnetlink(h.ns)
	if err != nil {
		return nil, nil, err
	}
	defer handle.Close()
	interfaces, bound := map[int]int{}, 0
	for i, p := range h.ports(nil) {
		link, err := handle.LinkByName(p.name)
		if err != nil {
			return nil, nil, say.Errorf("find interface: %w", err)
		}
		bound = link.Attrs().Index
		interfaces[bound] = i
	}
	if len(interfaces) > 1 {
		bound = 0 // all
	}
	fd := -1
	all := int(htons(unix.ETH_P_ALL))
	err = h.ns.Do(func() (err error) {
		// Protocol 0: the socket receives nothing until it is bound to the interface.
		if fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0); err != nil {
			return say.Errorf("open packet socket: %w", err)
		}
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	const room = 16 << 20 // bytes
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, room)
	err = errors.Join(
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1),
		unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: uint16(all), Ifindex: bound}),
	)
	if err != nil {
		return nil, nil, errors.Join(say.Errorf("open packet socket: %w", err), unix.Close(fd))
	}
	return os.NewFile(uintptr(fd), "packets"), interfaces, nil
}

// receive reads a frame from the socket. The frame's interface is -1 if it is another one.
func receive(fd int, buffer []byte, interfaces map[int]int) (Frame, error) {
	var control [128]byte
	n, controls, _, from, err := unix.Recvmsg(fd, buffer, control[:], unix.MSG_TRUNC)
	if err != nil {
		return Frame{}, err
	}
	link, known := from.(*unix.SockaddrLinklayer)
	if !known {
		return Frame{Interface: -1}, nil
	}
	number, known := interfaces[link.Ifindex]
	if !known {
		return Frame{Interface: -1}, nil
	}
	f := Frame{At: time.Now(), Interface: number, Direction: packet.Ingress, Length: n, Bytes: append([]byte{}, buffer[:min(n, len(buffer))]...)}
	if link.Pkttype == unix.PACKET_OUTGOING {
		f.Direction = packet.Egress
	}
	messages, _ := unix.ParseSocketControlMessage(control[:controls])
	for _, m := range messages {
		if m.Header.Level == unix.SOL_SOCKET && m.Header.Type == unix.SCM_TIMESTAMPNS && len(m.Data) >= int(unsafe.Sizeof(unix.Timespec{})) {
			f.At = time.Unix((*unix.Timespec)(unsafe.Pointer(&m.Data[0])).Unix())
		}
	}
	const ethernet = 14 // bytes of the Ethernet header
	if len(f.Bytes) > ethernet {
		if p, ok := packet.Parse(f.Bytes[ethernet:]); ok {
			f.Packet = &p
		}
	}
	return f, nil
}

// dropped returns how many frames the kernel has dropped since the last call (PACKET_STATISTICS).
func dropped(raw syscall.RawConn) (n int) {
	_ = raw.Control(func(fd uintptr) {
		if stats, err := unix.GetsockoptTpacketStats(int(fd), unix.SOL_PACKET, unix.PACKET_STATISTICS); err == nil {
			n = int(stats.Drops)
		}
	})
	return n
}

// htons converts a number to network byte order.
func htons(n uint16) uint16 { return n<<8 | n>>8 }
