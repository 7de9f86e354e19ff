package nft

import (
	"slices"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"

	"lablab/packet"
	"lablab/say"
	"lablab/sg"
)

// establishedExprs matches what [Ruleset.establishedText] does.
func (rs Ruleset) establishedExprs() []expr.Any {
	exprs := matchState(expr.CtStateBitESTABLISHED)
	if rs.marksUntracked() {
		exprs = append(exprs, loadMark(), &expr.Cmp{Op: expr.CmpOpNeq, Register: register, Data: untrackedMark()})
	}
	return exprs
}

// untrackedExprs matches what [untrackedText] does.
func untrackedExprs(u sg.Untracked, d packet.Direction) []expr.Any {
	way, offset := byte(originalDirection), uint32(2) // the destination port
	if u.Direction != d {
		way, offset = replyDirection, 0
	}
	exprs := slices.Concat(version(u.Six),
		[]expr.Any{&expr.Ct{Key: expr.CtKeyDIRECTION, Register: register}, equal([]byte{way})},
		protocol(u.Protocol))
	if allPorts(u) {
		return exprs
	}
	return append(exprs, transport(offset, 2), matchPorts(u.From, u.To))
}

// addUntracked refills the chains that mark entries, and creates them if necessary.
func addUntracked(c *nftables.Conn, untracked []sg.Untracked) {
	for _, d := range directions {
		chain := baseChain(groupTable(), d, *nftables.ChainPriorityFilter-10, nftables.ChainPolicyAccept)
		chain.Name = untrackedChain(d)
		c.AddChain(chain)
		c.FlushChain(chain)
		for _, u := range untracked {
			c.AddRule(&nftables.Rule{Table: chain.Table, Chain: chain, Exprs: append(untrackedExprs(u, d),
				&expr.Immediate{Register: register, Data: untrackedMark()},
				&expr.Ct{Key: expr.CtKeyMARK, Register: register, SourceRegister: true},
			)})
		}
	}
}

func untrackedMark() []byte { return binaryutil.NativeEndian.PutUint32(uint32(packet.UntrackedMark)) }

func loadMark() expr.Any { return &expr.Ct{Key: expr.CtKeyMARK, Register: register} }

// replaceEstablished makes the rules that accept established packets leave out untracked flows.
// They keep their counters. t.mu is held.
func (t *Table) replaceEstablished(tx *transaction, to Ruleset) error {
	for _, p := range []place{ownIngress, ownEgress} {
		rules, err := t.list(GroupTable, string(p))
		if err != nil {
			return say.Errorf("read back %s rules: %w", p, err)
		}
		if len(rules) == 0 {
			return say.Errorf("read back %s rules: found %d of %d: another process has changed them", p, 0, len(to.fixedAt(p)))
		}
		was, table, chain := rules[0], groupTable(), &nftables.Chain{Name: string(p)}
		tx.add(func(c *nftables.Conn) {
			c.ReplaceRule(&nftables.Rule{Table: table, Chain: chain, Handle: was.handle, UserData: comment(was.id),
				Exprs: append(to.establishedExprs(), &expr.Counter{Packets: was.packets, Bytes: was.bytes}, &expr.Verdict{Kind: expr.VerdictAccept})})
		})
	}
	return nil
}
