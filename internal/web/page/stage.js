// The stage: hosts, the wire between them, and packets in flight.
import { element, drawing, setData, setText } from './dom.js';
import { Gate } from './gate.js';
import { legsOf } from './model.js';
import { progress, judgedAt } from './legs.js';
import { Ways } from './ways.js';
import { say } from './say.js';

const inFlight = 48; // maximum packets drawn at once
const few = 4; // maximum hosts that are all shown in full
const glow = 0.7; // s that a verdict stays lit

export class Stage {
  constructor(root, player) {
    this.root = root;
    this.player = player;
    this.gates = new Map();
    this.lit = new Map();
    this.marks = [];
    this.links = new Map();
    this.stale = true;
    this.still = matchMedia('(prefers-reduced-motion: reduce)');
  }

  // build sets up the hosts, again if they have changed.
  build(model, film) {
    this.model = model;
    this.film = film;
    this.gates.clear();
    this.links.clear();
    this.marks = [];
    this.lit.clear();
    const sides = seats(model);
    this.columns = { left: element('div', { class: 'column' }), right: element('div', { class: 'column' }) };
    this.cables = drawing('g', { class: 'cables' });
    this.linkLayer = drawing('g', { class: 'links' });
    this.packetLayer = drawing('g', { class: 'packets' });
    this.picture = drawing('svg', { class: 'picture', 'aria-hidden': 'true' }, this.cables, this.linkLayer, this.packetLayer);
    for (const [name, side] of sides) {
      const gate = new Gate(model.hosts.get(name), film, side, model.hosts.size > few ? () => this.player.wake() : null);
      this.gates.set(name, gate);
      this.columns[side].append(gate.node);
    }
    this.root.replaceChildren(this.columns.left, element('div', { class: 'wire' }), this.columns.right, this.picture);
    setData(this.root, 'hosts', model.hosts.size > few ? 'many' : model.hosts.size > 2 ? 'some' : 'two');
    this.hosts = model.hosts.size;
    this.entriesKnown = -1;
    this.stale = true;
  }

  speak() {
    for (const gate of this.gates.values()) gate.speak();
    this.stale = true;
  }

  // fit makes the next frame measure everything again.
  fit() { this.stale = true; }

  // reserve gives the stage the height that it needs at the fullest of some moments, so that nothing
  // below it moves while the film plays. A live stage only grows.
  reserve(times) {
    this.fit();
    if (this.film.live) return;
    const { style } = this.root;
    style.minHeight = '';
    let most = 0;
    for (const t of times) {
      for (const gate of this.gates.values()) gate.show(t, this.film.real(t));
      if (this.hosts > few) this.unfold(this.film.newsAt(t)?.journey.stream);
      most = Math.max(most, this.root.offsetHeight);
    }
    if (most) style.minHeight = `${most}px`;
  }

  render(t) {
    if (this.model.hosts.size !== this.hosts) this.build(this.model, this.film);
    this.shareEntries();
    const real = this.player.following ? this.film.present() : this.film.real(t);
    const fine = (this.model.begun?.interval_ns ?? 1e9) < 5e8;
    const judging = this.judging(t);
    for (const [name, gate] of this.gates) {
      gate.fine = fine;
      if (gate.show(t, real, judging.get(name))) this.stale = true;
    }
    if (this.hosts > few) this.unfold(this.film.newsAt(t)?.journey.stream);
    if (this.stale) this.measure();
    if (this.film.live && this.root.offsetHeight > (this.tallest ?? 0)) this.root.style.minHeight = `${this.tallest = this.root.offsetHeight}px`;
    this.light(t);
    this.link(t);
    this.fly(t);
  }

  // judging returns, for each host, the numbers of the rules that decide about a packet in flight.
  judging(t) {
    const found = new Map([...this.gates.keys()].map((name) => [name, new Set()]));
    for (const step of this.film.running(t, glow)) {
      for (const { egress, ingress } of step.kind === 'packet' ? legsOf(step) : []) {
        for (const verdict of [egress, ingress]) if (verdict?.rule_number) found.get(verdict.host)?.add(verdict.rule_number);
      }
    }
    return found;
  }

  // unfold shows the two hosts of a stream, if there are many.
  unfold(stream) {
    for (const [name, gate] of this.gates) {
      const folded = !(gate.pinned || name === stream?.from || name === stream?.to);
      if (gate.folded === folded) continue;
      gate.folded = folded;
      gate.opener.setAttribute('aria-expanded', String(!folded));
      setData(gate.node, 'folded', folded ? 'yes' : null);
      this.stale = true;
    }
  }

  shareEntries() {
    const { entries } = this.model;
    if (this.entriesKnown === entries.length) return;
    for (const gate of this.gates.values()) gate.all = entries.filter((e) => e.host === gate.host.name);
    this.entriesKnown = entries.length;
  }

  measure() {
    this.ways = new Ways(this.root, this.gates);
    this.stale = false;
    const { width, height } = this.ways;
    this.picture.setAttribute('viewBox', `0 0 ${width} ${height}`);
    this.picture.setAttribute('width', width);
    this.picture.setAttribute('height', height);
    this.cables.replaceChildren(...this.ways.cables().map((d) => drawing('path', { d, class: 'cable' })));
    this.linked = '';
    this.rem = parseFloat(getComputedStyle(document.documentElement).fontSize) / 16;
  }

  // light lights the rows that have just decided, and those checked before them.
  light(t) {
    const lit = new Map();
    for (const step of this.film.running(t, glow)) {
      if (step.kind !== 'packet') continue;
      const legs = legsOf(step);
      for (const leg of legs) {
        for (const place of ['egress', 'ingress']) {
          const verdict = leg[place];
          if (!verdict) continue;
          const gate = this.gates.get(verdict.host);
          if (!gate) continue;
          const at = step.start + step.length * judgedAt(legs, leg, place);
          const row = gate.rowOf(place, verdict);
          if (t >= at && t < at + (step.routine ? glow * 0.6 : Math.max(glow, step.length / legs.length))) lit.set(row, verdict.accepted ? 'accept' : 'drop');
          else if (!step.routine && t < at && at - t < step.length * 0.2 / legs.length && !lit.has(row)) this.ask(lit, row, (at - t) / (step.length * 0.2 / legs.length));
        }
      }
    }
    for (const row of this.lit.keys()) if (!lit.has(row)) setData(row, 'lit', null);
    for (const [row, how] of lit) setData(row, 'lit', how);
    this.lit = lit;
  }

  // ask lights the row that a packet is checked against on its way down the list.
  ask(lit, row, left) {
    const rows = [...row.parentNode.children].filter((r) => !r.hidden);
    const asked = rows[Math.floor((1 - left) * (rows.indexOf(row) + 1))];
    if (asked && !lit.has(asked)) lit.set(asked, 'asked');
  }

  // link draws a line from each entry to the rule that admitted it.
  link(t) {
    let known = '';
    const lines = [];
    for (const gate of this.gates.values()) {
      for (const [entry, card] of gate.cards) {
        const row = card.mark ? gate.ruleRow(card.mark) : null;
        if (!row || row.hidden || gate.folded || card.dataset.dead) continue;
        const hot = t - entry.touchedAt < glow && t >= entry.touchedAt;
        setData(card, 'hot', hot ? 'yes' : null);
        lines.push({ gate, row, card, gone: row.dataset.gone, hot });
        known += `${gate.host.name} ${entry.id} ${card.mark} ${row.dataset.gone ?? ''} ${hot}\n`;
      }
    }
    if (known === this.linked) return;
    this.linked = known;
    this.linkLayer.replaceChildren(...lines.flatMap(({ gate, row, card, gone, hot }) => {
      const line = this.ways.link(gate, row, card);
      const looks = { 'data-gone': gone ? 'yes' : null, 'data-hot': hot ? 'yes' : null, 'data-stream': card.dataset.stream };
      return [drawing('path', { d: line.d, class: 'link', ...looks }), drawing('circle', { cx: line.x, cy: line.y, r: 3.5, class: 'tie', ...looks })];
    }));
  }

  // fly moves each packet to its place.
  fly(t) {
    const steps = this.film.running(t).filter((s) => s.kind === 'packet' && s.start <= t);
    const every = Math.ceil(steps.length / inFlight);
    const drawn = steps.filter((s, i) => !s.routine || i % every === 0).slice(-inFlight);
    while (this.marks.length < drawn.length) this.marks.push(this.mark());
    this.marks.forEach((mark, i) => {
      const step = drawn[i];
      if (!step) {
        if (mark.shown) mark.node.setAttribute('visibility', 'hidden');
        mark.shown = false;
        return;
      }
      this.put(mark, step, t);
    });
  }

  mark() {
    const label = drawing('text', { class: 'seq', dy: '0.35em' });
    const node = drawing('g', { class: 'packet' }, drawing('circle', { r: 10 }), drawing('path', { class: 'cross', d: 'M-5-5 5 5M5-5-5 5' }), label);
    this.packetLayer.append(node);
    return { node, label, shown: false };
  }

  put(mark, step, t) {
    const { journey } = step;
    const legs = legsOf(step);
    const way = legs.length ? legs : [{ from: journey.stream.from, to: journey.stream.to, egress: null, ingress: null }];
    const p = Math.min(0.9999, Math.max(0, (t - step.start) / step.length));
    const at = progress(way, p);
    if (this.still.matches && at.part !== 'dead') Object.assign(at, { part: at.part === 'home' ? 'home' : 'in', far: 0.75 });
    const place = this.ways.place(at);
    if (!mark.shown) mark.node.setAttribute('visibility', 'visible');
    mark.shown = true;
    mark.node.setAttribute('transform', `translate(${place.x.toFixed(1)} ${place.y.toFixed(1)}) scale(${((step.routine ? 0.62 : 1) * this.rem).toFixed(2)})`);
    mark.node.setAttribute('opacity', place.opacity.toFixed(2));
    setData(mark.node, 'stream', journey.stream.hand ? null : journey.stream.index % 8);
    setData(mark.node, 'reply', at.leg?.reply ? 'yes' : null);
    setData(mark.node, 'dead', at.part === 'dead' ? 'yes' : null);
    setText(mark.label, step.routine || at.part === 'dead' ? '' : journey.seq ?? '');
  }

  // describe describes the picture for readers who cannot see it.
  describe() { return say('the hosts, their rules and what conntrack remembers'); }
}

// seats puts servers on the right and clients on the left; many hosts are split in half.
function seats(model) {
  const names = [...model.hosts.keys()];
  const side = new Map();
  const most = names.length > 4 ? Math.ceil(names.length / 2) : names.length - 1;
  const sit = (name, where) => {
    if (!model.hosts.has(name) || side.has(name)) return;
    const taken = [...side.values()].filter((s) => s === where).length;
    side.set(name, taken < most ? where : where === 'left' ? 'right' : 'left');
  };
  for (const { from, to } of model.streams.values()) {
    sit(to, side.get(from) === 'right' ? 'left' : 'right');
    sit(from, side.get(to) === 'left' ? 'right' : 'left');
  }
  if (!side.size) sit(names[0], 'right');
  for (const name of names) sit(name, 'left');
  return names.map((name) => [name, side.get(name)]);
}
