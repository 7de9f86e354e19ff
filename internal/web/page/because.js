// The outcome of a stream's packets in one experiment, and why. It uses the verdicts of that
// experiment alone, so that it gives away no later answer of the quiz.
import { say } from './say.js';
import { deciding, goneBefore, goneRule } from './story.js';
import { tcp } from './words.js';

const most = 4; // maximum number of sentences

// becauseOf returns sentences, each about packets that share one explanation.
export function becauseOf(model, name, number) {
  const runs = [];
  for (const step of model.packetSteps) {
    const { stream, seq, verdicts } = step.journey;
    if (step.experiment !== number || step.journey.step.experiment !== number || stream.stream !== name) continue; // the outcome of a retransmission belongs to another experiment
    const last = runs.at(-1);
    const found = deciding(step);
    const reply = Boolean(found?.leg.reply && !found.verdict.accepted);
    const words = step.legs.length || !verdicts ? wordsOf(step, model) : last?.words; // a segment carried it together with another
    if (!words) continue;
    if (last && last.reply === reply && last.words('') === words('')) [last.first, last.last] = [Math.min(last.first, seq), Math.max(last.last, seq)];
    else runs.push({ words, reply, first: seq, last: seq });
  }
  return runs.slice(0, most).map(({ words, reply, first, last }) => words(packets(reply, first, last)));
}

function packets(reply, first, last) {
  if (reply) return first === last ? say('The reply to packet {0}', first) : say('The replies to packets {0}–{1}', first, last);
  return first === last ? say('Packet {0}', first) : say('Packets {0}–{1}', first, last);
}

// wordsOf returns what can be said about packets like this one; null if there is no evidence.
function wordsOf(step, model) {
  const found = deciding(step);
  if (!found) return step.journey.stream.protocol === tcp ? (them) => say('{0}: no segment was seen; the data is waiting in the connection.', them) : null;
  return found.verdict.accepted ? accepted(step, found.verdict, model) : dropped(step, found, model);
}

function accepted(step, { host, state, rule }, model) {
  if (state === 'established') return remembered(step, host, model);
  if (state === 'new') return (them) => say('{0}: NEW to {1}, so the rules are checked; rule {2} matches.', them, host, rule);
  if (state === 'related') return (them) => say('{0}: the ICMP error that comes back is RELATED. Rule {1} allows it in to {2}, so the sender learns that the port is closed.', them, rule, host);
  if (state === 'untracked') return (them) => say('{0}: UNTRACKED, as {1} is open to the world both ways. Without an entry the rules are checked each time; rule {2} matches.', them, host, rule);
  return (them) => say('{0}: {1} to {2}; accepted by {3}.', them, state.toUpperCase(), host, rule);
}

// remembered says whose entry lets a packet pass.
function remembered(step, host, model) {
  const { stream } = step.journey;
  const entry = model.entries.findLast((e) => e.host === host && e.flow === stream.flow && e.born?.step.index <= step.index && !(e.dead?.step.index < step.index));
  const maker = entry?.born.step.journey;
  if (maker?.stream !== stream) return (them) => say('{0}: ESTABLISHED. {1} remembers the flow and checks no rule.', them, host);
  const mark = entry.changes.findLast((c) => c.moment?.step.index <= step.index)?.mark;
  const row = mark && model.hosts.get(host)?.rows.find((r) => r.rule.number === mark);
  if (row && goneBefore(row, step)) return (them) => say('{0}: ESTABLISHED. {1} has remembered the flow since packet {2} and checks no rule. Rule {3}, which admitted it, is gone.', them, host, maker.seq, row.rule.id);
  return (them) => say('{0}: ESTABLISHED. {1} has remembered the flow since packet {2} and checks no rule.', them, host, maker.seq);
}

function dropped(step, { leg, verdict }, model) {
  const { host, state, rule, by } = verdict;
  if (by === 'acl') return (them) => say('{0}: {1}, but the network ACL of {2} is stateless and does not allow it: dropped.', them, state.toUpperCase(), host);
  if (leg.egress === verdict) return (them) => say('{0}: no outbound rule of {1} matches: dropped by default deny.', them, host);
  if (state === 'related') return (them) => say('{0}: an ICMP error is RELATED, not ESTABLISHED, and no rule of {1} matches: dropped by default deny.', them, host);
  if (state === 'invalid') return (them) => say('{0}: INVALID to {1}: no entry, and this does not start a connection. Dropped by default deny.', them, host);
  const gone = goneRule(step, verdict, model);
  if (gone) return (them) => say('{0}: NEW to {1}. Rule {2} is gone and no other rule matches: dropped by default deny.', them, host, gone.rule.id);
  return (them) => say('{0}: NEW to {1} and no rule matches: dropped by default deny.', them, host);
}
