// The content of the timeline, kept so that any moment can be shown at once. Events are appended
// one by one; nothing here knows about a screen.
//
// A step is something that happens at one time on the stage: a packet's way, a rule change, the
// start of an experiment. Everything else (rules, entries) refers to moments: {step, leg, place}
// says in which step, and where on the packet's way.
import { Hand, continues, packetOf, same } from './hand.js';
import { inOrder } from './legs.js';

const patience = 1e8; // ns; a packet seen again later than that is a retransmission

export class Model {
  constructor() {
    this.begun = null;
    this.ready = false;
    this.ended = null;
    this.last = null; // last event
    this.steps = [];
    this.packetSteps = [];
    this.experiments = []; // {number, step}
    this.hosts = new Map(); // name → {name, address, groups, rows, acls, changes}
    this.rules = new Map(); // number → rule
    this.streams = new Map(); // name → {…, packets}
    this.hand = new Hand(keyOf); // packets without a stream
    this.canaries = new Set(); // flows of the lab's self-check
    this.entries = []; // conntrack entries of every host
    this.living = new Map(); // host and id → entry
    this.translated = new Map(); // flow behind a host that replaces addresses → flow before it
    this.latest = new Map(); // host and flow → latest moments there
    this.changes = 0; // number of rule changes so far
    this.plan = []; // the report's experiments, in the current language
  }

  titleOf(number) { return this.planOf(number)?.title ?? ''; }

  doneIn(number) { return this.planOf(number)?.do ?? []; }

  planOf(number) {
    const is = (x) => x.number === number;
    return this.plan.find(is) ?? this.begun?.plan?.find(is);
  }

  append(event) {
    this.last = event;
    const take = takes.get(event.kind);
    if (take) take(this, event.body, event);
  }

  step(kind, event, more = {}) {
    const step = { index: this.steps.length, seq: event.seq, kind, ns: event.at_ns, experiment: event.experiment, body: event.body, changes: this.changes, start: 0, length: 0, ...more };
    this.steps.push(step);
    return step;
  }

  // now returns a moment that no packet caused: an entry is 'born' or 'gone'.
  now(kind, event) {
    const last = this.steps.at(-1);
    if (last && event.at_ns - last.ns < patience) return { step: last };
    return { step: this.step(kind, event) };
  }

  host(name) {
    let host = this.hosts.get(name);
    if (!host) {
      host = { name, address: '', groups: [], rows: [], acls: [], changes: [], model: '', deciders: new Map() };
      this.hosts.set(name, host);
    }
    return host;
  }

  // hostAt returns the name of the host with an address, if there is one.
  hostAt(address) {
    for (const { name, address: first, second } of this.hosts.values()) {
      if ([first, second].some((a) => String(a).split('/')[0] === address)) return name;
    }
    return null;
  }

  // journey returns one packet of a stream, counted from 1.
  journey(name, seq, event) {
    const stream = this.streams.get(name);
    if (!stream || !(seq >= 1)) return null;
    if (!stream.packets.length) stream.first = seq; // earlier ones are forgotten
    const place = seq - stream.first;
    if (place < 0 || place > stream.packets.length + 1e6) return null;
    while (stream.packets.length <= place) {
      stream.packets.push({ stream, seq: stream.first + stream.packets.length, step: null, again: [], outcome: '', sent: null, rtt: null });
    }
    const journey = stream.packets[place];
    if (!journey.step && event) {
      journey.step = this.packet(journey, event);
      journey.ns = event.at_ns;
    }
    return journey;
  }

  packet(journey, event) {
    const step = this.step(journey.stream.within ? 'within' : 'packet', event, { journey, legs: [], before: journey.stream.lastStep });
    journey.stream.lastStep = step;
    if (!journey.stream.hand) this.packetSteps.push(step); // the others have no story
    return step;
  }

  // way returns the step in which a packet is visible now: its first, or another if it is
  // retransmitted long after.
  way(journey, event) {
    const last = journey.again.at(-1) ?? journey.step;
    if (event.at_ns - (last.seen ?? last.ns) < patience && event.experiment === last.experiment) {
      last.seen = event.at_ns;
      return last;
    }
    const again = this.packet(journey, event);
    again.again = true;
    journey.again.push(again);
    return again;
  }
}

const key = (host, stream) => `${host}\n${stream}`;

const takes = new Map(Object.entries({
  begun(m, b) {
    m.begun = b;
    for (const h of b.hosts ?? []) {
      const host = m.host(h.name);
      host.address = h.address;
      host.second = h.second_address ?? '';
      host.groups = h.groups ?? [];
      host.model = [undefined, '', 'aws'].includes(h.model) ? '' : h.product ? `${h.product} (${h.model})` : h.model;
    }
  },
  canary_dropped(m, b) {
    const packet = packetOf(b.packet);
    if (packet) m.canaries.add(keyOf(packet.key));
  },
  ready(m) { m.ready = true; },
  experiment_begun(m, b, e) {
    m.experiments.push({ number: b.number, step: m.step('experiment', e) });
  },
  rule_authorized(m, b, e) {
    const rule = { ...b, on: true, since: null, gone: null };
    if (m.ready) {
      m.changes++;
      rule.since = { step: m.step('authorized', e) };
    }
    m.rules.set(b.number, rule);
    for (const name of b.hosts ?? []) open(m.host(name), rule, rule.since);
  },
  rule_revoked(m, b, e) {
    m.changes++;
    const step = m.step('revoked', e);
    const rule = m.rules.get(b.number);
    if (!rule) return;
    rule.on = false;
    rule.gone = { step };
    for (const host of m.hosts.values()) close(host, rule, rule.gone, 'revoked');
  },
  groups_changed(m, b, e) {
    m.changes++;
    const host = m.host(b.host);
    const groups = b.groups ?? [];
    const moment = { step: m.step('groups', e, { was: host.groups }) };
    host.groups = groups;
    host.changes.push({ moment, groups });
    for (const rule of m.rules.values()) {
      if (!groups.includes(rule.group)) close(host, rule, moment, 'group');
      else if (rule.on) open(host, rule, moment);
    }
  },
  acl_changed(m, b, e) {
    m.changes++;
    m.host(b.host).acls.push({ moment: { step: m.step('acl', e) }, acl: b.acl });
  },
  prefix_list_changed(m, b, e) {
    m.changes++;
    m.step('list', e);
  },
  configured(m, b, e) {
    if (!m.ready) return;
    m.changes++;
    m.step('configured', e);
  },
  cut(m, b, e) {
    const entry = [...m.living.values()].find((x) => x.host === b.host && keyOf(x.orig) === keyOf(b.flow));
    if (entry?.hidden) return; // it is not shown
    m.changes++;
    const step = m.step('cut', e, { entry });
    if (entry) entry.cut = { step };
  },
  stream_started(m, b, e) {
    m.streams.set(b.stream, { ...b, flow: flowOf(b), index: m.streams.size, running: true, packets: [], first: 1, lastStep: null, step: m.step('started', e), stopped: null });
  },
  stream_stopped(m, b, e) {
    const stream = m.streams.get(b.stream);
    if (!stream) return;
    stream.running = false;
    stream.stopped = { step: m.step('stopped', e) };
  },
  sent(m, b, e) {
    const j = m.journey(b.stream, b.seq, e);
    if (j) [j.sent, j.event] = [e.at_ns, e.seq];
  },
  not_sent(m, b, e) {
    const j = m.journey(b.stream, b.seq, e);
    if (j) [j.outcome, j.error, j.event] = [b.dropped_by_local_firewall ? '' : 'unsent', b.error, e.seq];
  },
  replied(m, b, e) {
    const j = m.journey(b.stream, b.seq, e);
    if (j) [j.outcome, j.rtt, j.answered] = [b.late ? 'late' : 'replied', b.rtt_ns, e.at_ns];
  },
  unreached(m, b, e) {
    const j = m.journey(b.stream, b.seq, e);
    if (j) [j.outcome, j.error] = ['reset', b.error];
  },
  judged,
  entry_changed,
  forged(m, b, e) { m.step('forged', e); },
  ran(m, b, e) { m.step('ran', e); },
  interrupted(m, b, e) { m.interrupted = b.by || 'signal'; },
  ended(m, b, e) { m.ended = b; },
}));

function open(host, rule, moment) {
  let row = host.rows.find((r) => r.rule === rule);
  if (!row) {
    row = { rule, spans: [], hits: 0 };
    host.rows.push(row);
  }
  if (!row.spans.length || row.spans.at(-1).to) row.spans.push({ from: moment, to: null, why: '' });
}

function close(host, rule, moment, why) {
  const span = host.rows.find((r) => r.rule === rule)?.spans.at(-1);
  if (span && !span.to) [span.to, span.why] = [moment, why];
}

// judged records a verdict on the leg that it is about.
function judged(m, b, e) {
  if (b.rule_number) {
    const row = m.hosts.get(b.host)?.rows.find((r) => r.rule.number === b.rule_number);
    if (row) row.hits++;
  }
  m.hosts.get(b.host)?.deciders.set(key(b.direction, b.rule), b.by); // whatever decides has a row
  const seen = b.stream ? ofStream(m, b, e) : ofHand(m, b, e);
  if (!seen) return;
  const { journey, step, reply } = seen;
  const place = b.direction === 'egress' ? 'egress' : 'ingress';
  const moment = journey ? { step, leg: legFor(journey, step, b, e, reply, place), place } : { step };
  if (b.stream) carry(m, b, e);
  const flow = key(b.host, seen.flow);
  const at = m.latest.get(flow) ?? {};
  at.any = moment;
  if (reply) at.reply = moment;
  if (b.state === 'new' && b.accepted) at.begun = moment;
  m.latest.set(flow, at);
  if (b.accepted && at.entry && !at.entry.dead) at.entry.touches.push(moment);
}

// ofStream returns the stream's packet that a verdict is about.
function ofStream(m, b, e) {
  const journey = m.journey(b.stream, b.seq, e);
  return journey && { journey, step: m.way(journey, e), reply: Boolean(b.reply), flow: journey.stream.flow };
}

// ofHand returns the packet without a stream that a verdict is about.
function ofHand(m, b, e) {
  const packet = m.ready && b.state ? packetOf(b.packet) : null; // of a flood, some is heard by half
  if (packet) packet.key = m.translated.get(keyOf(packet.key)) ?? packet.key;
  if (!packet || m.canaries.has(keyOf(packet.key))) return null;
  const seen = m.hand.see(packet, e, (address) => m.hostAt(address), (journey) => m.packet(journey, e));
  return seen && { journey: seen.journey, step: seen.journey?.step ?? m.steps.at(-1), reply: seen.reply, flow: seen.flow.flow };
}

// legFor returns the leg of a packet's way that a verdict is about. A host that forwards the packet
// is the end of one leg and the start of the next.
function legFor(journey, step, b, e, reply, place) {
  const open = step.legs.filter((l) => l.reply === reply && !l[place]);
  let leg = b.forwarded && place === 'egress' ? null : open.find((l) => same(l.packet, b.packet));
  leg ??= place === 'ingress' ? open.find((l) => (b.forwarded || l.egress?.forwarded) && continues(l.packet, b.packet)) : null;
  if (!leg) {
    const { from, to } = journey.stream;
    leg = { packet: b.packet, reply, from: reply ? to : from, to: reply ? from : to, egress: null, ingress: null };
    step.legs.push(leg);
  }
  const { host, direction, forwarded, state, accepted, by, rule, rule_number } = b;
  if (forwarded || leg.egress?.forwarded) leg[place === 'egress' ? 'from' : 'to'] = host;
  leg[place] = { host, direction, forwarded, state, accepted, by, rule, rule_number, seq: e.seq };
  step.ordered = null;
  return leg;
}

// carry adds each message that a packet carries.
function carry(m, b, e) {
  for (let seq = b.seq; seq <= Math.max(b.seq, Math.min(b.last ?? 0, b.seq + 1000)); seq++) if (!m.journey(b.stream, seq, e)) break;
}

// entry_changed adds, changes and removes conntrack entries.
function entry_changed(m, b, e) {
  const id = key(b.host, b.entry.id);
  let entry = m.living.get(id);
  translate(m, b.entry);
  const of = entry?.flow ?? flowOfEntry(m, b.entry);
  const flow = key(b.host, of);
  const at = m.latest.get(flow) ?? {};
  if (b.change === 'destroy' || b.entry.untracked) { // to the rules, an untracked entry does not exist
    if (!entry) return;
    m.living.delete(id);
    entry.dead = entry.cut ?? (entry.hidden ? { step: m.steps.at(-1) } : m.now('gone', e));
    if (at.entry === entry) at.entry = null;
    return;
  }
  if (!entry) {
    entry = { host: b.host, id: b.entry.id, orig: b.entry.orig, stream: streamOf(m, of), flow: of, hidden: !m.ready || m.canaries.has(keyOf(b.entry.orig)), born: at.begun ?? at.any, changes: [], touches: [], dead: null, cut: null };
    entry.born ??= entry.hidden ? null : m.now('born', e);
    m.living.set(id, entry);
    m.entries.push(entry);
    if (!entry.stream) m.hand.note(b.entry.orig, (address) => m.hostAt(address));
    at.entry = entry;
    m.latest.set(flow, at);
  }
  const replied = b.entry.status?.includes('SEEN_REPLY');
  const last = entry.changes.at(-1);
  const moment = !last ? entry.born : (replied && !last.replied && at.reply) || at.any || entry.born;
  if (!last || last.replied !== replied || last.mark !== b.entry.mark || last.timeout !== b.entry.timeout_ns || last.status.length !== (b.entry.status ?? []).length) {
    entry.changes.push({ moment, replied, status: b.entry.status ?? [], timeout: b.entry.timeout_ns, mark: b.entry.mark });
  }
}

// keyOf returns what identifies a flow to conntrack.
function keyOf(k) { return [k.protocol, k.source, k.destination, k.source_port ?? 0, k.destination_port ?? 0, k.icmp_id ?? 0].join(' '); }

// flowOf returns the key of a stream's flow.
function flowOf(s) { return keyOf({ ...s, destination: s.target, destination_port: s.port }); }

// streamOf returns the stream that a flow belongs to: the last that was started with it.
function streamOf(m, flow) { return [...m.streams.values()].findLast((s) => s.flow === flow) ?? null; }

// translate notes how a flow looks behind a host that replaces its addresses.
function translate(m, { orig, reply }) {
  if (!reply || keyOf(reversed(reply)) === keyOf(orig)) return;
  const before = m.translated.get(keyOf(orig)) ?? orig;
  m.translated.set(keyOf(reversed(reply)), before).set(keyOf(reply), reversed(before));
}

function reversed(k) {
  return { ...k, source: k.destination, destination: k.source, source_port: k.destination_port, destination_port: k.source_port };
}

// flowOfEntry returns the flow that an entry is about, by the key of its requests where it begins: the
// other end may have started the entry.
function flowOfEntry(m, { orig, reply }) {
  const before = (k) => keyOf(m.translated.get(keyOf(k)) ?? k);
  const there = before(orig);
  const back = reply && before(reply);
  return back && !streamOf(m, there) && streamOf(m, back) ? back : there;
}

// legsOf returns the legs of a packet, one after the other.
export function legsOf(step) {
  step.ordered ??= inOrder(step.legs);
  return step.ordered;
}
