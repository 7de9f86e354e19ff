package nft

import (
	"errors"

	"github.com/google/nftables"
	mnl "github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"lablab/ns"
	"lablab/say"
)

// A transaction is a list of changes that the kernel makes all at once or not at all. The library
// encodes them and could send them too, but it requests an echo and an acknowledgement for each
// rule, which takes as long as the rules themselves, and loses errors among them. So the changes
// are sent here, and only the last one is acknowledged.
type transaction struct {
	conn     *nftables.Conn
	messages []mnl.Message
	err      error
}

// errTaken keeps the library from waiting for answers.
var errTaken = say.New("taken")

func newTransaction() *transaction {
	tx := &transaction{}
	take := func(messages []mnl.Message) ([]mnl.Message, error) {
		tx.messages = append(tx.messages, messages...)
		return nil, errTaken
	}
	tx.conn, tx.err = nftables.New(nftables.WithTestDial(take), nftables.AsLasting()) // dialling takes longer than encoding a rule
	return tx
}

// add collects the messages that the library encodes.
func (tx *transaction) add(encode func(*nftables.Conn)) {
	if tx.err != nil {
		return
	}
	encode(tx.conn)
	if err := tx.conn.Flush(); err != nil && !errors.Is(err, errTaken) {
		tx.err = err
	}
}

// encoded returns the messages of the transaction and their size in bytes.
func (tx *transaction) encoded() (messages []mnl.Message, bytes int, err error) {
	if tx.err != nil {
		return nil, 0, tx.err
	}
	for _, m := range tx.messages {
		// Sequence numbers and port ids are assigned when the message is sent.
		m.Header.Sequence, m.Header.PID, m.Header.Length = 0, 0, 0
		switch m.Header.Type {
		case unix.NFNL_MSG_BATCH_BEGIN, unix.NFNL_MSG_BATCH_END: // the library makes a batch on each Flush
			continue
		}
		m.Header.Flags &^= mnl.Acknowledge | mnl.Echo
		messages = append(messages, m)
	}
	if len(messages) == 0 {
		return nil, 0, nil
	}
	messages[len(messages)-1].Header.Flags |= mnl.Acknowledge
	messages = append(append([]mnl.Message{bound(unix.NFNL_MSG_BATCH_BEGIN)}, messages...), bound(unix.NFNL_MSG_BATCH_END))
	const header = 16 // bytes: struct nlmsghdr
	for _, m := range messages {
		bytes += header + (len(m.Data)+3)&^3
	}
	return messages, bytes, nil
}

// bound returns the message before or behind those of a batch: struct nfgenmsg names the subsystem.
func bound(kind mnl.HeaderType) mnl.Message {
	return mnl.Message{
		Header: mnl.Header{Type: kind, Flags: mnl.Request},
		Data:   []byte{unix.AF_UNSPEC, unix.NFNETLINK_V0, 0, unix.NFNL_SUBSYS_NFTABLES},
	}
}

// ErrTooLarge says that a change does not fit into one transaction, because the socket buffer is
// limited (by net.core.wmem_max, for an ordinary user).
var ErrTooLarge = say.New("the change is too large for one transaction")

// commit applies the changes. f.mu is held.
func (f *Firewall) commit(tx *transaction) (err error) {
	messages, bytes, err := tx.encoded()
	if err != nil || len(messages) == 0 {
		return err
	}
	if f.socket == nil {
		if f.socket, err = f.dial(); err != nil {
			return err
		}
	}
	if bytes > f.room {
		return say.Errorf("%w: %d bytes of %d", ErrTooLarge, bytes, f.room)
	}
	defer func() {
		if err != nil { // it may hold more answers
			f.retire(f.socket.Close)
			f.socket = nil
		}
	}()
	sent, err := f.socket.SendMessages(messages)
	if err != nil {
		return err
	}
	last := sent[len(sent)-2].Header.Sequence // the message before the end of the batch
	return ns.Await(interrupt(f.socket), func() error {
		for {
			answers, err := f.socket.Receive()
			if err != nil {
				return err
			}
			for _, a := range answers {
				if a.Header.Type == mnl.Error && a.Header.Sequence == last {
					return nil
				}
			}
		}
	})
}
