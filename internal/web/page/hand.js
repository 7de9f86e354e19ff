// Packets without a stream: what programs send that the user runs in a host. The kernel reports
// them like those of a stream, but they have no numbers. So all that is known about a packet is in
// its headers, which also show which verdicts are about the same packet.

const patience = 1e8; // ns; a later verdict is about another packet with the same headers
const alike = 2e7; // ns in which the first of several packets with the same fate stands for all
const most = 200; // maximum packets per second with a step of their own
const beside = new Set(['loopback', 'link']); // accepted before any list is checked

// packetOf returns what a packet's headers say about its flow: the key in the original direction
// and, for an echo, its number. Null if nothing is known.
export function packetOf(headers) {
  if (!headers?.protocol) return null;
  const { protocol, source, destination, source_port = 0, destination_port = 0, icmp_type = 0, icmp_id, icmp_seq = 0 } = headers;
  if (protocol !== 1 && protocol !== 58) return { key: { protocol, source, destination, source_port, destination_port }, reply: false };
  const [request, answer] = protocol === 1 ? [8, 0] : [128, 129];
  const reply = icmp_type === answer;
  const key = reply ? { protocol, source: destination, destination: source } : { protocol, source, destination };
  return reply || icmp_type === request ? { key: { ...key, icmp_id: icmp_id ?? 0 }, reply, seq: icmp_seq } : { key, reply };
}

// same reports whether both headers belong to one packet, seen at two places.
export function same(a, b) {
  return ['protocol', 'source', 'destination', 'source_port', 'destination_port', 'icmp_type', 'icmp_code', 'icmp_id', 'icmp_seq', 'tcp_flags', 'length'].every((member) => a[member] === b[member]);
}

// continues reports whether headers may belong to a packet that a host forwarded: that host may have
// replaced the addresses, and what identifies the flow.
export function continues(a, b) {
  return ['protocol', 'icmp_type', 'icmp_code', 'icmp_seq', 'tcp_flags', 'tcp_seq', 'length', 'number'].every((member) => a[member] === b[member]);
}

export class Hand {
  // keyOf returns what identifies a flow to conntrack.
  constructor(keyOf) {
    this.keyOf = keyOf;
    this.flows = new Map(); // by that key, in the original direction
    this.recent = []; // when the latest steps began
    this.shown = { changes: -1, news: 0, drops: new Map() }; // what the film has shown, and when
  }

  // flow returns the flow of a packet, and whether the packet is a reply.
  flow(packet, hostOf, by) {
    const { key } = packet;
    const there = this.keyOf(key);
    const known = this.flows.get(there);
    if (known) return { flow: known, reply: packet.reply };
    const back = this.flows.get(this.keyOf({ ...key, source: key.destination, destination: key.source, source_port: key.destination_port, destination_port: key.source_port }));
    if (back && packet.seq === undefined) return { flow: back, reply: true };
    return { flow: this.begin(key, hostOf, by), reply: packet.reply };
  }

  // begin records a flow: the sender of its first packet is the client. Loopback traffic and what
  // every host needs do not reach the gate.
  begin(key, hostOf, by) {
    const within = beside.has(by) || key.source === key.destination;
    const flow = { hand: this, within, key, flow: this.keyOf(key), protocol: key.protocol, port: key.destination_port || undefined, from: hostOf(key.source), to: hostOf(key.destination), open: [], seen: new Map(), lastStep: null };
    this.flows.set(flow.flow, flow);
    return flow;
  }

  // note records a flow from its entry: for flows whose first packet the lab has forgotten, the
  // entry shows the client.
  note(key, hostOf) {
    if (!this.flows.has(this.keyOf(key))) this.begin(key, hostOf, '');
  }

  // see returns the packet that a verdict is about, and adds it if it is new. In a flood it skips
  // some: it returns null for one like those just before it, and a packet without a journey if
  // there are too many.
  see(packet, { body, at_ns }, hostOf, begin) {
    const { flow, reply } = this.flow(packet, hostOf, body.by);
    const place = body.direction === 'egress' ? 'egress' : 'ingress';
    while (flow.open.length && at_ns - flow.open[0].ns > patience) flow.open.shift();
    const sign = `${body.host} ${place} ${reply} ${body.state} ${body.accepted} ${body.rule} ${body.rule_number}`;
    const before = flow.seen.get(sign) ?? -Infinity;
    const known = flow.open.find((j) => isOf(j, body, packet.seq, reply, place));
    if (!known && at_ns - before < alike) return null;
    flow.seen.set(sign, at_ns);
    if (known) return { flow, reply, journey: known };
    if (this.recent.length >= most && at_ns - this.recent[0] < 1e9) return { flow, reply, journey: null };
    this.recent = [...this.recent.slice(1 - most), at_ns];
    const journey = { stream: flow, seq: packet.seq, ns: at_ns, again: [], outcome: '' };
    journey.step = begin(journey);
    flow.open.push(journey);
    return { flow, reply, journey };
  }

  // worth reports whether the film should show a packet at length. Programs start flow after flow:
  // of accepted packets one per second is shown, of dropped ones one of each kind. After a change
  // of the rules all are news again.
  worth(step, sign, dropped) {
    if (this.shown.changes !== step.changes) this.shown = { changes: step.changes, news: -Infinity, drops: new Map() };
    const last = dropped ? this.shown.drops.get(sign) ?? -Infinity : this.shown.news;
    if (step.ns - last < 9e8) return false; // a ping per second arrives slightly early or late
    this.shown.news = step.ns;
    if (dropped) this.shown.drops.set(sign, step.ns);
    return true;
  }
}

// isOf reports whether a verdict at a place is about a packet that is already known elsewhere, or
// about the reply to it.
function isOf({ step, seq: number }, { packet, forwarded }, seq, reply, place) {
  const ways = step.legs.filter((l) => l.reply === reply);
  const waits = (l) => (forwarded || l.egress?.forwarded ? continues(l.packet, packet) : same(l.packet, packet)) && !l[place];
  const leaves = (l) => forwarded && place === 'egress' && l.ingress?.forwarded && same(l.packet, packet);
  return ways.some((l) => waits(l) || leaves(l)) || (seq !== undefined && seq === number && !ways.length);
}

// arrived reports whether everything is known about a packet that succeeds.
export function arrived({ journey, legs }) {
  const there = legs.every((l) => (l.egress || !l.from) && (l.ingress || !l.to));
  return there && (journey.seq === undefined || legs.length > 1);
}
