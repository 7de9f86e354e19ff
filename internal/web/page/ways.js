// Where things are on the stage, and the paths between them.

const reach = 22; // px from a gate to the start of its cable

export class Ways {
  constructor(root, gates) {
    this.root = root;
    const stage = root.getBoundingClientRect();
    this.width = Math.round(stage.width);
    this.height = Math.round(stage.height);
    this.places = new Map();
    const stacked = ['column', 'column-reverse'].includes(getComputedStyle(root).flexDirection);
    for (const [name, gate] of gates) {
      const box = relative(gate.folded ? gate.node : gate.gate, stage);
      const outward = stacked || gate.side === 'left' ? 1 : -1; // the side where the wire is
      const heads = {};
      for (const direction of ['ingress', 'egress']) {
        const head = relative(gate.folded ? gate.node : gate.lists[direction].head, stage);
        heads[direction] = head.y + head.height / 2;
      }
      this.places.set(name, { gate, outward, inner: outward > 0 ? box.x : box.x + box.width, outer: outward > 0 ? box.x + box.width : box.x, middle: box.y + box.height / 2, heads, rows: new Map() });
    }
    this.stacked = stacked;
    if (this.places.size === 2 && !stacked) level([...this.places.values()]);
    const left = [...this.places.values()].filter((p) => p.outward > 0).map((p) => p.outer);
    const right = [...this.places.values()].filter((p) => p.outward < 0).map((p) => p.outer);
    this.bus = stacked ? this.width - 10 : (Math.max(...left, 0) + Math.min(...right, this.width)) / 2;
  }

  rowY(place, row) {
    if (!place.rows.has(row)) {
      const box = relative(place.gate.folded ? place.gate.node : row, this.root.getBoundingClientRect());
      place.rows.set(row, box.y + box.height / 2);
    }
    return place.rows.get(row);
  }

  // cables returns the paths from each gate to the middle.
  cables() {
    const paths = [];
    const ys = [];
    for (const p of this.places.values()) {
      paths.push(`M${p.outer} ${p.middle}H${this.bus}`);
      ys.push(p.middle);
    }
    if (ys.length > 1) paths.push(`M${this.bus} ${Math.min(...ys)}V${Math.max(...ys)}`);
    return paths;
  }

  // link returns the path from an entry to a rule of the same gate.
  link(gate, row, card) {
    const p = this.places.get(gate.host.name);
    const y = this.rowY(p, row);
    const box = relative(card, this.root.getBoundingClientRect()); // not the stage's place when it was measured: the page may have been scrolled
    const cy = box.y + Math.min(box.height / 2, 16);
    if (!this.stacked && gate.table.offsetTop >= gate.gate.offsetTop + gate.gate.offsetHeight) { // below its lists
      const side = p.outward > 0 ? box.x : box.x + box.width;
      const aside = p.inner - p.outward * 12;
      return { d: `M${side} ${cy}C${aside} ${cy} ${aside} ${cy - 20} ${aside} ${cy - 40}V${y + 30}C${aside} ${y + 10} ${aside} ${y} ${p.inner} ${y}`, x: p.inner, y };
    }
    if (this.stacked) return { d: `M${box.x} ${cy}C${p.inner - 2} ${cy} ${p.inner - 16} ${y + 20} ${p.inner} ${y}`, x: p.inner, y };
    const x = p.outward > 0 ? box.x + box.width : box.x;
    const middle = (x + p.inner) / 2;
    return { d: `M${x} ${cy}C${middle} ${cy} ${middle} ${y} ${p.inner} ${y}`, x: p.inner, y };
  }

  // place returns the position of a packet that has come this far.
  place({ leg, part, far }) {
    const from = this.places.get(leg?.from);
    const to = this.places.get(leg?.to);
    const nearby = part === 'out' || (part === 'dead' && leg.egress && !leg.egress.accepted); // a peer that is not a host of the lab has no gate
    if (!from || (!to && !nearby)) return { x: -50, y: -50, opacity: 0 };
    const outY = leg.egress ? this.rowY(from, from.gate.rowOf('egress', leg.egress)) : from.heads.egress;
    const inY = !to ? 0 : leg.ingress ? this.rowY(to, to.gate.rowOf('ingress', leg.ingress)) : to.heads.ingress;
    switch (part) {
      case 'out': return this.through(from.inner, from.outer, from.heads.egress, outY, far, !leg.egress || leg.egress.accepted);
      case 'wire': return { ...this.wire(from, outY, to, to.heads.ingress, far), opacity: 1 };
      case 'in': return this.through(to.outer, to.inner, to.heads.ingress, inY, far, !leg.ingress || leg.ingress.accepted);
      case 'dead': {
        const here = leg.egress && !leg.egress.accepted ? { x: from.inner, y: outY } : { x: to.outer, y: inY };
        return { ...here, opacity: Math.max(0, 1 - far * far) };
      }
      default: return { x: to.inner, y: inY, opacity: 1 - far };
    }
  }

  // through goes down a list to the row that decides, waits there, and crosses the gate if the
  // packet is accepted.
  through(x0, x1, y0, y1, far, may) {
    if (far < 0.5) return { x: x0, y: mix(y0, y1, ease(far / 0.5)), opacity: Math.min(1, far * 8) };
    if (far < 0.78 || !may) return { x: x0, y: y1, opacity: 1 };
    return { x: mix(x0, x1, ease((far - 0.78) / 0.22)), y: y1, opacity: 1 };
  }

  wire(from, y0, to, y1, far) {
    const points = [[from.outer, y0], [from.outer + reach * from.outward, from.middle], [this.bus, from.middle], [this.bus, to.middle], [to.outer + reach * to.outward, to.middle], [to.outer, y1]];
    const lengths = points.slice(1).map(([x, y], i) => Math.hypot(x - points[i][0], y - points[i][1]));
    let rest = far * lengths.reduce((a, b) => a + b, 0);
    for (let i = 0; i < lengths.length; i++) {
      if (rest <= lengths[i] || i === lengths.length - 1) {
        const share = lengths[i] ? Math.min(1, rest / lengths[i]) : 1;
        return { x: mix(points[i][0], points[i + 1][0], share), y: mix(points[i][1], points[i + 1][1], share) };
      }
      rest -= lengths[i];
    }
    return { x: to.outer, y: y1 };
  }
}

// level makes the cable between two hosts straight.
function level(places) {
  const y = places.reduce((sum, p) => sum + p.middle, 0) / places.length;
  for (const p of places) p.middle = y;
}

function relative(node, stage) {
  const box = node.getBoundingClientRect();
  return { x: box.x - stage.x, y: box.y - stage.y, width: box.width, height: box.height };
}

function mix(a, b, share) { return a + (b - a) * share; }

function ease(x) { return x < 0.5 ? 2 * x * x : 1 - (2 - 2 * x) ** 2 / 2; }
