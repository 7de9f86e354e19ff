// What happens, in words: the film's subtitles, and the whole story of a packet.
import { within } from './address.js';
import { legsOf } from './model.js';
import { packetName } from './packets.js';
import { say } from './say.js';
import { flowText, packetText, runTime, span, streamName, tcp } from './words.js';

// captionOf returns the subtitle of a step, or null if it needs none.
export function captionOf(step, model, film) {
  const b = step.body;
  switch (step.kind) {
    case 'experiment': return { text: model.doneIn(b.number).join('; ') };
    case 'revoked': return { text: say('Rule {0} ({1}) is revoked. The conntrack entries stay.', b.id, b.text), tone: 'drop' };
    case 'authorized': return { text: say('Rule {0} ({1}) is authorized. It applies to flows that start from now on.', b.id, b.text), tone: 'accept' };
    case 'groups': return { text: !b.groups?.length ? say('{0} is now in no group. Its old rules no longer apply; remembered flows stay.', b.host) : say('{0} is now in group {1}. Its old rules no longer apply; remembered flows stay.', b.host, b.groups.join(', ')) };
    case 'list': return { text: b.entries?.length ? say('Prefix list {0} is now {1}. It applies to flows that start from now on; remembered flows stay.', b.prefix_list, b.entries.join(', ')) : say('Prefix list {0} is now empty. Remembered flows stay.', b.prefix_list) };
    case 'acl': return { text: b.acl ? say('{0} now has a network ACL. It is stateless: it checks every packet.', b.host) : say('{0} no longer has a network ACL.', b.host) };
    case 'cut': return { text: b.why === 'untracked' ? say('{0} forgets an entry: such flows are no longer tracked there.', b.host) : say('An entry is deleted on {0}. The next packet of the flow will count as new.', b.host), tone: 'drop' };
    case 'configured': return { text: say('From now on, conntrack uses other settings.') };
    case 'stopped': return { text: say('Stream {0} stops.', b.stream) };
    case 'born': return { text: bornText(b, model), tone: 'accept' };
    case 'gone': return { text: say('An entry has timed out and is forgotten.') };
    case 'packet': return step.routine ? null : packetCaption(step, model, film);
    default: return null;
  }
}

// deciding returns the verdict that a packet's story turns on: the drop, or else what accepted it
// at the destination.
export function deciding(step) {
  const legs = legsOf(step);
  const dropped = legs.flatMap((l) => [[l, l.egress], [l, l.ingress]]).find(([, v]) => v && !v.accepted);
  if (dropped) return { leg: dropped[0], verdict: dropped[1] };
  const error = legs.find((l) => l.reply && l.ingress?.state === 'related');
  const there = error ?? legs.find((l) => !l.reply && l.ingress);
  if (there) return { leg: there, verdict: there.ingress };
  const leg = step.journey.stream.hand && legs.at(-1); // a reply without a stream is a packet by itself
  return leg ? { leg, verdict: leg.ingress ?? leg.egress } : null;
}

function packetCaption(step, model, film) {
  const found = deciding(step);
  const { journey } = step;
  const name = packetName(journey, found?.leg.reply && journey.stream.hand);
  if (!found && step.again) return { text: say('{0} is sent again: TCP has not given up.', name) };
  if (!found) return { text: journey.stream.protocol === tcp ? say('{0} is waiting in its connection: no segment was seen.', name) : say('{0} was sent; no verdict was seen.', name) };
  const { leg, verdict } = found;
  const entry = model.entries.find((e) => e.host === verdict.host && e.flow === journey.stream.flow && film.when(e.born) <= step.start + step.length && !(e.dead && film.when(e.dead) < step.start));
  const rule = verdict.number ? model.rules.get(verdict.number) : null;
  if (!verdict.accepted) return { text: dropText(step, leg, verdict, model), tone: 'drop' };
  if (journey.stream.hand && (leg.egress === verdict || verdict.state === 'related')) return { text: say('{0} is {1} to {2}: accepted by {3}.', name, verdict.state.toUpperCase(), verdict.host, verdict.rule), tone: 'accept' };
  if (verdict.state === 'established') {
    const by = entry && model.rules.get(entry.changes.findLast((c) => film.when(c.moment) <= step.start + step.length)?.mark);
    const row = by && model.hosts.get(verdict.host)?.rows.find((r) => r.rule === by);
    if (row && goneBefore(row, step)) return { text: say('{0} is ESTABLISHED: {1} remembers this flow and accepts it without checking the rules. Rule {2}, which admitted the flow, is gone. The memory is not.', name, verdict.host, by.id), tone: 'accept' };
    return { text: say('{0} is ESTABLISHED: {1} remembers this flow and accepts it without checking the rules.', name, verdict.host), tone: 'accept' };
  }
  if (verdict.state === 'new') return { text: say('{0} is NEW to {1}, which does not remember this flow and checks its rules. Rule {2} matches: accepted, and remembered.', name, verdict.host, rule?.id ?? verdict.rule), tone: 'accept' };
  if (verdict.state === 'related') return { text: say('The ICMP error about packet {0} of {1} is RELATED. Rule {2} allows it in to {3}, so the sender learns that the port is closed.', journey.seq, streamName(journey.stream.stream), verdict.rule, verdict.host), tone: 'accept' };
  if (verdict.state === 'untracked') return { text: say('{0} is UNTRACKED: {1} is open to the world both ways for it, so it keeps no entry. Rule {2} matches: accepted.', name, verdict.host, rule?.id ?? verdict.rule), tone: 'accept' };
  return { text: say('{0} is {1} to {2}: accepted by {3}.', name, verdict.state.toUpperCase(), verdict.host, verdict.rule), tone: 'accept' };
}

function dropText(step, leg, verdict, model) {
  const { seq, stream } = step.journey;
  const what = packetName(step.journey, leg.reply);
  const leaving = leg.egress === verdict;
  if (verdict.by === 'acl') return say('{0} is {1}, but the network ACL of {2} is stateless and drops it.', what, verdict.state.toUpperCase(), verdict.host);
  if (leaving) return say('{0} does not leave {1}: no outbound rule matches, so it is dropped.', what, verdict.host);
  if (verdict.state === 'related' && stream.hand) return say('{0} is RELATED, not ESTABLISHED, and no rule of {1} matches: dropped.', what, verdict.host);
  if (verdict.state === 'related') return say('The ICMP error about packet {0} of {1} is RELATED, not ESTABLISHED, and no rule of {2} matches: dropped.', seq, streamName(stream.stream), verdict.host);
  if (verdict.state === 'invalid') return say('{0} is INVALID to {1}: it has no entry and does not start a connection. Dropped.', what, verdict.host);
  const gone = goneRule(step, verdict, model);
  if (gone) return say('{0} is NEW to {1}. Rule {2} is gone and no other rule matches: dropped.', what, verdict.host, gone.rule.id);
  return say('{0} is NEW to {1} and no rule matches: dropped.', what, verdict.host);
}

function bornText({ host, entry }, model) {
  const rule = model.rules.get(entry.mark);
  return rule ? say('{0} remembers a new flow, {1}, admitted by rule {2}.', host, flowText(entry.orig), rule.id) : say('{0} remembers a new flow, {1}, admitted by no rule.', host, flowText(entry.orig));
}

// goneBefore reports whether a rule was no longer in force at a step, even if it is again by now.
// In a live film two steps may overlap: their order decides.
export function goneBefore(row, { index }) {
  const span = row.spans.findLast((s) => !s.from || s.from.step.index < index);
  return Boolean(span?.to && span.to.step.index < index);
}

// goneRule returns the row of a rule that would have accepted a packet, but was gone by then.
export function goneRule(step, { host }, model) {
  const packet = legsOf(step).find((l) => l.ingress?.host === host)?.packet;
  if (!packet) return undefined;
  return model.hosts.get(host)?.rows.find((r) => r.rule.direction === 'ingress' && fits(r.rule, packet) && goneBefore(r, step));
}

// fits reports whether a rule allows a packet, judging by the rule alone: it does not look into
// groups and prefix lists.
function fits(rule, packet) {
  if (!rule.peer || !within(rule.peer, packet.source)) return false;
  if (rule.protocol === -1) return true;
  if (rule.protocol !== packet.protocol) return false;
  const what = packet.destination_port ?? packet.icmp_type ?? 0;
  return rule.from === -1 || (rule.from <= what && (what <= rule.to || rule.to === -1));
}

// storyOf returns the whole story of a packet: a list of sentences.
export function storyOf(journey, outcome, model, packet) {
  const { stream } = journey;
  const lines = [];
  const steps = [journey.step, ...journey.again].filter(Boolean);
  const experiment = packet?.experiment || journey.step.experiment;
  const after = runTime(journey.sent ?? journey.ns);
  lines.push(experiment ? say('Sent by {0} to {1}, {2} after the run started, in experiment {3}.', stream.from, stream.to, after, experiment) : say('Sent by {0} to {1}, {2} after the lab started.', stream.from, stream.to, after));
  for (const step of steps) {
    for (const leg of legsOf(step)) {
      lines.push({ head: packetText(leg.packet) });
      for (const [verdict, place] of [[leg.egress, 'egress'], [leg.ingress, 'ingress']]) if (verdict) lines.push(verdictText(verdict, place, model));
    }
  }
  lines.push(endText(journey, outcome));
  return lines;
}

function verdictText(v, place, model) {
  const state = v.state.toUpperCase();
  const rule = v.number ? model.rules.get(v.number) : null;
  const leaving = place === 'egress';
  if (v.accepted && v.by === 'established') return leaving ? say('Leaving {0}, it was {1}: conntrack had an entry, so no rule was checked.', v.host, state) : say('Arriving at {0}, it was {1}: conntrack had an entry, so no rule was checked.', v.host, state);
  if (v.accepted) return leaving ? say('Leaving {0}, it was {1}: accepted by rule {2} ({3}).', v.host, state, v.rule, rule?.text ?? '') : say('Arriving at {0}, it was {1}: accepted by rule {2} ({3}).', v.host, state, v.rule, rule?.text ?? '');
  return leaving ? say('Leaving {0}, it was {1}: dropped by {2}.', v.host, state, v.rule) : say('Arriving at {0}, it was {1}: dropped by {2}.', v.host, state, v.rule);
}

function endText(journey, outcome) {
  switch (outcome) {
    case 'replied': return say('The reply came after {0}.', span(journey.rtt));
    case 'late': return say('The reply came late, after {0}.', span(journey.rtt));
    case 'refused': return say('The kernel dropped it or its reply.');
    case 'stalled': return say('It is waiting in the connection: nothing gets through.');
    case 'reset': return say('The sender was told that the port is closed.');
    case 'unsent': return say('It could not be sent: {0}.', journey.error ?? '');
    case 'lost': return say('It was neither answered nor seen dropped.');
    default: return say('It is still in flight.');
  }
}

// outcomeName returns an outcome as people say it.
export function outcomeName(outcome) {
  switch (outcome) {
    case 'replied': return say('answered');
    case 'late': return say('answered late');
    case 'refused': return say('dropped');
    case 'stalled': return say('stalled');
    case 'reset': return say('rejected');
    case 'unsent': return say('not sent');
    case 'lost': return say('lost');
    case 'mixed': return say('mixed');
    case 'nothing': return say('nothing sent');
    default: return say('in flight');
  }
}
