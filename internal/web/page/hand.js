// Packets of no stream: what programs send that somebody runs in a host. The kernel tells
// of them as of a stream's, but nobody numbers them. So what is known of one is what its
// headers say, and which verdicts are of the same packet follows from that.

const patience = 1e8; // ns; what is heard of a packet later than that is of another one like it
const alike = 2e7; // ns in which of packets to which the same happens the first stands for all
const most = 200; // packets a second that have a step of their own, whatever is sent
const beside = new Set(['loopback', 'link']); // what passes before any list is asked

// packetOf is what a packet's headers say of its flow: the key as the one who asks has it,
// and of an echo its number. Null if nothing is known of them.
export function packetOf(headers) {
  if (!headers?.protocol) return null;
  const { protocol, source, destination, source_port = 0, destination_port = 0, icmp_type = 0, icmp_id, icmp_seq = 0 } = headers;
  if (protocol !== 1 && protocol !== 58) return { key: { protocol, source, destination, source_port, destination_port }, reply: false };
  const [request, answer] = protocol === 1 ? [8, 0] : [128, 129];
  const reply = icmp_type === answer;
  const key = reply ? { protocol, source: destination, destination: source } : { protocol, source, destination };
  return reply || icmp_type === request ? { key: { ...key, icmp_id: icmp_id ?? 0 }, reply, seq: icmp_seq } : { key, reply };
}

// same is whether both are the headers of one packet, seen at two places.
export function same(a, b) {
  return ['protocol', 'source', 'destination', 'source_port', 'destination_port', 'icmp_type', 'icmp_code', 'icmp_id', 'icmp_seq', 'tcp_flags', 'length'].every((member) => a[member] === b[member]);
}

export class Hand {
  // keyOf is what conntrack tells flows apart by.
  constructor(keyOf) {
    this.keyOf = keyOf;
    this.flows = new Map(); // by that, as it was begun
    this.recent = []; // when the last steps began
    this.told = { changes: -1, news: 0, drops: new Map() }; // what the film has told, and when
  }

  // flow is what a packet belongs to, and whether it goes the other way.
  flow(packet, hostOf, by) {
    const { key } = packet;
    const there = this.keyOf(key);
    const known = this.flows.get(there);
    if (known) return { flow: known, reply: packet.reply };
    const back = this.flows.get(this.keyOf({ ...key, source: key.destination, destination: key.source, source_port: key.destination_port, destination_port: key.source_port }));
    if (back && packet.seq === undefined) return { flow: back, reply: true };
    return { flow: this.begin(key, hostOf, by), reply: packet.reply };
  }

  // begin notes a flow: who sent the first packet of it is who asks. What a host sends to
  // itself, and what no host can do without, does not come to its gate.
  begin(key, hostOf, by) {
    const within = beside.has(by) || key.source === key.destination;
    const flow = { hand: this, within, key, flow: this.keyOf(key), protocol: key.protocol, port: key.destination_port || undefined, from: hostOf(key.source), to: hostOf(key.destination), open: [], seen: new Map(), lastStep: null };
    this.flows.set(flow.flow, flow);
    return flow;
  }

  // note takes a flow from its entry: of what a lab has forgotten, that tells who asks.
  note(key, hostOf) {
    if (!this.flows.has(this.keyOf(key))) this.begin(key, hostOf, '');
  }

  // see says of which packet a verdict is, and makes it known if it is another one. Of a
  // flood, not every packet is: it is null of one like those just before it, and has no
  // journey if there are too many.
  see(packet, { body, at_ns }, hostOf, begin) {
    const { flow, reply } = this.flow(packet, hostOf, body.by);
    const place = body.direction === 'egress' ? 'egress' : 'ingress';
    while (flow.open.length && at_ns - flow.open[0].ns > patience) flow.open.shift();
    const sign = `${body.host} ${place} ${reply} ${body.state} ${body.accepted} ${body.rule} ${body.rule_number}`;
    const before = flow.seen.get(sign) ?? -Infinity;
    const known = flow.open.find((j) => isOf(j, body.packet, packet.seq, reply, place));
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

  // worth is whether the film should tell of a packet at length: programs begin flow after
  // flow, so of those that pass one a second is told of, and of those that are dropped one
  // of each kind. After a change of the rules each is news again.
  worth(step, sign, dropped) {
    if (this.told.changes !== step.changes) this.told = { changes: step.changes, news: -Infinity, drops: new Map() };
    const last = dropped ? this.told.drops.get(sign) ?? -Infinity : this.told.news;
    if (step.ns - last < 9e8) return false; // a ping each second is heard of a little early or late
    this.told.news = step.ns;
    if (dropped) this.told.drops.set(sign, step.ns);
    return true;
  }
}

// isOf is whether a verdict at a place is of a packet of which others are known, or of the
// reply to it.
function isOf({ step, seq: number }, headers, seq, reply, place) {
  const ways = step.legs.filter((l) => l.reply === reply);
  return ways.some((l) => same(l.packet, headers) && !l[place]) || (seq !== undefined && seq === number && !ways.length);
}

// arrived is whether all is known of a packet that will be, as far as it goes well.
export function arrived({ journey, legs }) {
  const there = legs.every((l) => (l.egress || !l.from) && (l.ingress || !l.to));
  return there && (journey.seq === undefined || legs.length > 1);
}
