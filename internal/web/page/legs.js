// The legs of a packet there and back, put in order.

// inOrder sorts legs into the order in which each host saw them. The kernel reports each host
// separately, so the order between two hosts follows from the legs that they share.
export function inOrder(legs) {
  const queues = new Map();
  for (const leg of legs) {
    for (const verdict of verdictsOf(leg)) {
      if (!queues.has(verdict.host)) queues.set(verdict.host, []);
      queues.get(verdict.host).push({ leg, seq: verdict.seq });
    }
  }
  for (const queue of queues.values()) queue.sort((a, b) => a.seq - b.seq);
  const ordered = [];
  const rest = new Set(legs);
  const isNext = (leg) => [...queues.values()].every((queue) => !queue.some((q) => q.leg === leg) || queue.find((q) => rest.has(q.leg)).leg === leg);
  while (rest.size) {
    const next = [...rest].find(isNext) ?? [...rest][0];
    rest.delete(next);
    ordered.push(next);
  }
  return ordered;
}

// verdictsOf returns the verdicts on a leg, in order.
export function verdictsOf({ egress, ingress }) { return [egress, ingress].filter(Boolean); }

// The parts of a leg: out of the sender's gate, over the wire, in at the receiver's gate.
const parts = { out: 0.28, wire: 0.5, end: 0.94 };

// progress returns where a packet is, for p from 0 to 1 of its step: on which leg, on which part of
// it ('out', 'wire', 'in', 'home'), and how far along that.
export function progress(legs, p) {
  const n = Math.max(1, legs.length);
  const index = Math.min(n - 1, Math.floor(p * n));
  const at = p * n - index;
  const leg = legs[index];
  if (at < parts.out) return { index, leg, part: 'out', far: at / parts.out };
  if (leg?.egress && !leg.egress.accepted) return { index, leg, part: 'dead', far: (at - parts.out) / (1 - parts.out) };
  if (at < parts.wire) return { index, leg, part: 'wire', far: (at - parts.out) / (parts.wire - parts.out) };
  if (at < parts.end) return { index, leg, part: 'in', far: (at - parts.wire) / (parts.end - parts.wire) };
  return { index, leg, part: leg?.ingress && !leg.ingress.accepted ? 'dead' : 'home', far: (at - parts.end) / (1 - parts.end) };
}

// judgedAt returns when the verdict at a place of a leg falls, from 0 to 1 of the step.
export function judgedAt(legs, leg, place) {
  const n = Math.max(1, legs.length);
  const index = Math.max(0, legs.indexOf(leg));
  const within = place === 'egress' ? parts.out * 0.75 : parts.wire + (parts.end - parts.wire) * 0.75;
  return (index + within) / n;
}
