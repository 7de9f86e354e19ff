package cli_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// forbid is the main function of a program that runs a command under a seccomp filter, as containers
// and service managers do:
//
//	forbid CALL[:ARGUMENT][&BITS]=ERRNO… -- COMMAND [ARGUMENT…]
//
// The filter answers a system call with the errno; if ARGUMENT is given, only calls whose first
// argument has that value, or with BITS those bits.
func forbid() {
	var program []bpf.Instruction
	args := os.Args[1:]
	for ; len(args) > 0 && args[0] != "--"; args = args[1:] {
		answer, err := answering(args[0])
		if err != nil {
			fmt.Fprintln(os.Stderr, "forbid:", err)
			os.Exit(125)
		}
		program = append(program, answer...)
	}
	err := errors.New("no command")
	if len(args) > 1 {
		if err = filter(program); err == nil {
			var path string
			if path, err = exec.LookPath(args[1]); err == nil {
				err = syscall.Exec(path, args[1:], os.Environ())
			}
		}
	}
	fmt.Fprintln(os.Stderr, "forbid:", err)
	os.Exit(125)
}

// Where the kernel's struct seccomp_data has the number of a call, and the lower half of its first
// argument on a little-endian machine.
const (
	callNumber    = 0
	firstArgument = 16
)

// answering returns instructions that answer a call.
func answering(text string) ([]bpf.Instruction, error) {
	call, answer, _ := strings.Cut(text, "=")
	call, bits, masked := strings.Cut(call, "&")
	call, value, valued := strings.Cut(call, ":")
	number, known := map[string]uint32{
		"unshare": unix.SYS_UNSHARE, "setns": unix.SYS_SETNS, "socket": unix.SYS_SOCKET, "clone": unix.SYS_CLONE, "clone3": unix.SYS_CLONE3, "fsopen": unix.SYS_FSOPEN, "mount": unix.SYS_MOUNT,
	}[call]
	errno, named := map[string]unix.Errno{"EPERM": unix.EPERM, "EACCES": unix.EACCES, "ENOSYS": unix.ENOSYS, "EAFNOSUPPORT": unix.EAFNOSUPPORT}[answer]
	if !known || !named {
		return nil, fmt.Errorf("unknown call or errno in %q", text)
	}
	given := value + bits
	wanted, err := strconv.ParseUint(given, 0, 32)
	if given != "" && err != nil {
		return nil, err
	}
	var compare []bpf.Instruction
	switch reply := (bpf.RetConstant{Val: unix.SECCOMP_RET_ERRNO | uint32(errno)}); {
	case masked:
		compare = []bpf.Instruction{bpf.LoadAbsolute{Off: firstArgument, Size: 4}, bpf.JumpIf{Cond: bpf.JumpBitsNotSet, Val: uint32(wanted), SkipTrue: 1}, reply}
	case valued:
		compare = []bpf.Instruction{bpf.LoadAbsolute{Off: firstArgument, Size: 4}, bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: uint32(wanted), SkipTrue: 1}, reply}
	default:
		compare = []bpf.Instruction{reply}
	}
	check := []bpf.Instruction{bpf.LoadAbsolute{Off: callNumber, Size: 4}, bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: number, SkipTrue: uint8(len(compare))}}
	return append(check, compare...), nil
}

// filter installs a filter on all threads, which allows what the program does not answer. It needs
// CAP_SYS_ADMIN.
func filter(program []bpf.Instruction) error {
	raw, err := bpf.Assemble(append(program, bpf.RetConstant{Val: unix.SECCOMP_RET_ALLOW}))
	if err != nil {
		return err
	}
	code := unix.SockFprog{Len: uint16(len(raw)), Filter: (*unix.SockFilter)(unsafe.Pointer(&raw[0]))} // of the same layout
	_, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&code)))
	if errno != 0 {
		return errno
	}
	return nil
}
