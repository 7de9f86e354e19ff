package fate

import (
	"lablab/enforce"
	"lablab/packet"
	"lablab/say"
)

// why says what decides about a course.
func why(c Course, moments []moment) say.Sentence {
	rule := say.F("rule %s of %s", c.Rule, c.Group)
	last := moments[len(moments)-1]
	switch c.Word {
	case LivesOn, Allowed:
		switch {
		case c.Rule == "" && !last.begins:
			return say.F("its conntrack entry keeps it up, as before")
		case c.Rule == "":
			return say.F("what changes does not concern it")
		}
		return say.F("%s allows it", rule)
	case GoesUntracked:
		return say.F("from now on %s allows each of its packets, and without that rule they are dropped", rule)
	case CannotReturn:
		return say.F("its conntrack entry keeps it up; no rule of %s allows a new connection after call %d", c.Host, c.From)
	case Down, Cut, CutUnlessPeer:
		return whyCut(c, last.flow)
	case Interrupted:
		return whyCut(c, during(moments, c.From).flow)
	case NewlyAllowed:
		return say.F("%s allows it from call %d on", rule, c.To)
	case AllowedMeanwhile:
		return say.F("%s allows it after call %d, until call %d", rule, c.From, c.To)
	case Refused:
		return say.F("no rule of %s allows it, before and after", c.Host)
	case NewlyRefused:
		return say.F("no rule of %s allows it after call %d", c.Host, c.From)
	case Gap:
		return say.F("no rule of %s allows it after call %d, until call %d", c.Host, c.From, c.To)
	case NotJudged:
	}
	return say.Sentence{}
}

// whyCut says why packets of a connection that was up are dropped.
func whyCut(c Course, dropped *connection) say.Sentence {
	e := dropped.to
	if dropped.from.host == c.Host {
		e = dropped.from
	}
	switch {
	case dropped.by.Kind == packet.ByACL:
		return say.F("the network ACL of %s drops its packets, whatever is established", c.Host)
	case e.entry == nil:
		return say.F("%s deletes its conntrack entry, and no rule allows a new one", c.Host)
	case e.entry.Mark == packet.UntrackedMark:
		return say.F("EC2 does not track it, so the rules decide about each packet, and none of %s allows it", c.Host)
	case e.now.model == enforce.Default():
		return say.F("no rule of %s allows it", c.Host)
	}
	return say.F("under this model, %s: none of %s does", e.now.model.Traits().Known, c.Host)
}
