// The timeline: a lane for each stream with a mark for each packet, the experiments as bands, the
// rule changes as flags. It is drawn once; only the line of the current time moves over it.
import { element, setText, visible } from './dom.js';
import { flagged } from './film.js';
import { outcomeName } from './narration.js';
import { say, spoken } from './say.js';
import { filmTime, runTime, streamName } from './words.js';

// Heights in px at 16 px per rem: of the experiments, of the changes, of a stream.
const heights = { band: 26, flags: 18, lane: 26 };
const recent = 120; // s of a live film that fit

export class Lanes {
  // choose is called with a packet that was clicked; seek with a time.
  constructor(root, { seek, choose }) {
    this.seek = seek;
    this.choose = choose;
    this.heights = heights;
    [this.from, this.span] = [0, 1]; // the visible part of the film, in seconds
    this.names = element('div', { class: 'names' });
    this.canvas = element('canvas', { 'aria-hidden': 'true' });
    this.veil = element('div', { class: 'veil' });
    this.line = element('div', { class: 'now' });
    this.slider = element('input', { type: 'range', class: 'slider', min: '0', step: '0.01', value: '0' });
    this.slider.addEventListener('input', () => this.seek(Number(this.slider.value)));
    this.area = element('div', { class: 'area' }, this.canvas, this.veil, this.line);
    this.legend = element('p', { class: 'legend' });
    root.replaceChildren(this.names, this.area, this.slider, this.legend);
    this.drag();
    new ResizeObserver(() => this.redraw()).observe(this.area);
  }

  set(model, film, outcomeOf) {
    Object.assign(this, { model, film, outcomeOf });
    this.slider.max = String(film.length || 1);
    this.redraw();
  }

  speak() {
    this.slider.setAttribute('aria-label', say('playback position'));
    this.redraw();
  }

  // drag lets the pointer go to any moment; a click on a mark chooses its packet.
  drag() {
    let moved = false;
    const at = (event) => {
      const box = this.area.getBoundingClientRect();
      return { x: event.clientX - box.x, y: event.clientY - box.y, t: this.from + ((event.clientX - box.x) / box.width) * this.span };
    };
    this.area.addEventListener('pointerdown', (event) => {
      if (event.button) return;
      moved = false;
      this.area.setPointerCapture(event.pointerId);
      const { x, y, t } = at(event);
      const journey = this.near(x, y);
      if (journey) this.choose(journey);
      else this.seek(t);
    });
    this.area.addEventListener('pointermove', (event) => {
      if (!this.area.hasPointerCapture(event.pointerId)) {
        const { x, y } = at(event);
        this.area.style.cursor = this.near(x, y) ? 'pointer' : 'ew-resize';
        return;
      }
      moved = moved || Math.abs(event.movementX) > 1;
      if (moved) this.seek(at(event).t);
    });
  }

  // near returns the packet whose mark is there, or null.
  near(x, y) {
    const { band, flags, lane } = this.heights;
    const i = Math.floor((y - band - flags) / lane);
    const stream = [...(this.model?.streams.values() ?? [])][i];
    if (!stream || y < band + flags) return null;
    let best = null;
    let distance = 9;
    const t = this.from + (x / this.width) * this.span;
    const { packets } = stream;
    const low = begun(packets, t);
    for (const journey of packets.slice(Math.max(0, low - 4), low + 4)) {
      if (!journey.step || (hiding() && journey.step.start + journey.step.length > this.t)) continue;
      const d = Math.abs(this.x(journey.step) - x);
      if (d < distance) [best, distance] = [journey, d];
    }
    return best;
  }

  x(step) { return this.place(step.start + step.length * (step.routine ? 0.2 : 0.3)); }

  // place returns the position of a moment of the film, in px from the left.
  place(t) { return ((t - this.from) / this.span) * this.width; }

  // frame chooses the visible part of the film: all of it; for a long live film, as much as fits
  // around the current time.
  frame() {
    const { length, live } = this.film;
    this.span = Math.max(0.001, live ? Math.min(length, recent) : length);
    const t = this.t ?? length;
    this.from = Math.max(0, t > length - this.span ? length - this.span : t - this.span / 2);
  }

  redraw() {
    if (!this.model || this.asked) return;
    this.asked = true;
    requestAnimationFrame(() => {
      this.asked = false;
      this.paint();
    });
  }

  paint() {
    const streams = [...this.model.streams.values()];
    this.explain(streams);
    this.count(streams);
    this.rem = parseFloat(getComputedStyle(document.documentElement).fontSize) / 16;
    this.heights = Object.fromEntries(Object.entries(heights).map(([name, h]) => [name, h * this.rem]));
    const { band, flags, lane } = this.heights;
    const height = band + flags + lane * Math.max(1, streams.length) + 4;
    this.width = this.area.clientWidth;
    const ratio = window.devicePixelRatio || 1;
    if (this.width < 1) return;
    this.canvas.width = Math.round(this.width * ratio);
    this.canvas.height = Math.round(height * ratio);
    this.canvas.style.height = `${height}px`;
    const c = this.canvas.getContext('2d');
    c.setTransform(ratio, 0, 0, ratio, 0, 0);
    const style = getComputedStyle(this.area);
    this.colour = (name) => style.getPropertyValue(`--${name}`).trim();
    this.frame();
    this.font = `${12 * this.rem}px ${style.fontFamily}`;
    c.font = this.font;
    this.bands(c, height);
    for (const stream of streams) this.lane(c, stream, band + flags + lane * stream.index);
    this.flags(c, height);
    this.slider.max = String(this.film.length || 1);
    this.show(this.t ?? 0);
  }

  // count adds up the answers of each stream, so that the count at any moment is known.
  count(streams) {
    this.sums = streams.map(({ stream, index, packets }) => {
      const sum = new Uint32Array(packets.length + 1);
      const known = new Uint32Array(packets.length + 1); // a long-lived lab has forgotten the others
      packets.forEach((journey, i) => { known[i + 1] = known[i] + (journey.step ? 1 : 0); });
      packets.forEach((journey, i) => { sum[i + 1] = sum[i] + (['replied', 'late'].includes(this.outcomeOf(journey)) ? 1 : 0); });
      const tally = element('span');
      const node = element('p', { 'data-stream': index % 8 }, element('b', {}, streamName(stream)), tally);
      return { packets, sum, known, tally, node };
    });
    this.names.replaceChildren(...this.sums.map((s) => s.node));
  }

  // explain writes the legend for the marks in use.
  explain(streams) {
    const there = new Set();
    for (const { packets } of streams) for (const journey of packets) if (journey.step) there.add(this.outcomeOf(journey));
    const known = ['replied', 'late', 'refused', 'stalled', 'reset', 'lost', 'unsent', 'waiting'].filter((o) => there.has(o));
    if (known.join() + spoken() === this.explained) return;
    this.explained = known.join() + spoken();
    this.legend.replaceChildren(...known.map((o) => element('span', { 'data-outcome': o }, outcomeName(o))));
  }

  bands(c, height) {
    const { band } = this.heights;
    const all = this.model.experiments;
    all.forEach((x, i) => {
      const x0 = Math.max(0, this.place(x.step.start));
      const x1 = i + 1 < all.length ? this.place(all[i + 1].step.start) : this.width;
      if (x1 <= x0) return;
      c.fillStyle = this.colour(i % 2 ? 'band-2' : 'band-1');
      c.fillRect(x0, 0, x1 - x0, height);
      c.fillStyle = this.colour('ink');
      c.save();
      c.beginPath();
      c.rect(x0, 0, x1 - x0 - 4, band);
      c.clip();
      c.font = `600 ${this.font}`;
      c.fillText(`${x.number}`, x0 + 8, 17 * this.rem);
      c.font = this.font;
      c.fillText(shortened(c, visible(this.model.titleOf(x.number)), x1 - x0 - 16 - 14 * this.rem), x0 + 8 + 14 * this.rem, 17 * this.rem);
      c.restore();
    });
  }

  lane(c, stream, y) {
    const { lane } = this.heights;
    const middle = y + lane / 2;
    const packets = stream.packets.slice(begun(stream.packets, this.from), begun(stream.packets, this.from + this.span));
    const colour = this.colour(`stream-${stream.index % 8}`);
    c.strokeStyle = this.colour('line');
    c.beginPath();
    c.moveTo(0, middle);
    c.lineTo(this.width, middle);
    c.stroke();
    if (packets.length > this.width / 3) return this.dense(c, packets, y, colour);
    for (const journey of packets) {
      if (journey.step) this.mark(c, journey, middle, colour);
    }
  }

  mark(c, journey, y, colour) {
    c.save();
    c.translate(this.x(journey.step), y);
    c.scale(this.rem, this.rem);
    mark(c, this.outcomeOf(journey), 0, 0, colour, this.colour('drop'), this.colour('card'));
    c.restore();
  }

  // dense draws the share of answered packets for each column: unanswered ones are below the
  // middle.
  dense(c, packets, y, colour) {
    const { lane } = this.heights;
    const columns = new Map();
    for (const journey of packets) {
      if (!journey.step) continue;
      const x = Math.floor(this.x(journey.step));
      const column = columns.get(x) ?? { good: 0, bad: 0 };
      if (['replied', 'late'].includes(this.outcomeOf(journey))) column.good++;
      else column.bad++;
      columns.set(x, column);
    }
    for (const [x, { good, bad }] of columns) {
      const share = good / (good + bad);
      c.fillStyle = colour;
      c.fillRect(x, y + 4, 1, (lane - 8) * share);
      c.fillStyle = this.colour('drop');
      c.fillRect(x, y + 4 + (lane - 8) * share, 1, (lane - 8) * (1 - share));
    }
  }

  flags(c, height) {
    const { band } = this.heights;
    const steps = this.model.steps.filter((s) => flagged.has(s.kind) && (s.experiment > 0 || this.film.live) && s.start >= this.from && s.start <= this.from + this.span);
    const places = steps.map((s) => Math.round(this.place(s.start)) + 0.5);
    let free = 0; // where the next text may begin
    steps.forEach((step, i) => {
      const x = places[i];
      const gone = step.kind === 'revoked' || step.kind === 'cut' || (step.kind === 'acl' && step.body.acl);
      c.strokeStyle = c.fillStyle = this.colour(gone ? 'drop' : 'accept');
      c.beginPath();
      c.moveTo(x, band + 2);
      c.lineTo(x, height);
      c.globalAlpha = 0.45;
      c.stroke();
      c.globalAlpha = 1;
      c.beginPath();
      c.moveTo(x, band + 2);
      c.lineTo(x + 11, band + 7);
      c.lineTo(x, band + 12);
      c.fill();
      free = this.name(c, visible(flagText(step)), x, free, places[i + 1] ?? this.width + 4);
    });
  }

  // name writes the label of a flag: behind it or, if the next flag is too close, before it;
  // shortened if there is no room. It returns where the next label may begin.
  name(c, text, x, free, next) {
    const y = this.heights.band + 12;
    const before = x - 5 - c.measureText(text).width;
    const short = shortened(c, text, next - x - 18);
    if (short !== text && before > free && !hiding()) c.fillText(text, before, y);
    else if (short === text || short.length > 4) {
      c.fillText(short, x + 14, y);
      return x + 20 + c.measureText(short).width;
    }
    return x + 16;
  }

  // show moves the line of the current time.
  show(t) {
    this.t = t;
    for (const { packets, sum, known, tally } of this.sums ?? []) {
      const n = begun(packets, t - 0.5);
      setText(tally, say('{0} of {1} answered', sum[n], known[n]));
    }
    if (t < this.from - 0.01 || t > this.from + this.span + 0.01) this.redraw();
    const share = this.film.length ? Math.max(0, Math.min(1, (t - this.from) / this.span)) : 0;
    this.line.style.transform = `translateX(${(share * this.area.clientWidth).toFixed(1)}px)`;
    this.veil.style.transform = `scaleX(${(1 - share).toFixed(4)})`;
    if (document.activeElement !== this.slider || Math.abs(Number(this.slider.value) - t) > 0.02) this.slider.value = String(t);
    const text = say('{0} of {1}, {2} of the run', filmTime(t), filmTime(this.film.length), runTime(this.film.real(t)));
    if (this.slider.getAttribute('aria-valuetext') !== text) this.slider.setAttribute('aria-valuetext', text);
  }
}

// hiding reports whether the page hides the answer, and with it the future.
function hiding() { return 'asking' in document.documentElement.dataset; }

// flagText returns the label for a change.
function flagText({ kind, body }) {
  switch (kind) {
    case 'authorized': return `+ ${body.id}`;
    case 'revoked': return `− ${body.id}`;
    case 'groups': return `${body.host}: ${(body.groups ?? []).join(', ')}`;
    case 'list': return body.prefix_list;
    case 'acl': return `${body.acl ? '+' : '−'} ACL ${body.host}`;
    case 'cut': return `− ${say('entry')} ${body.host}`;
    default: return 'conntrack';
  }
}

// shortened returns text that fits a width.
function shortened(c, text, width) {
  if (c.measureText(text).width <= width) return text;
  let low = 0;
  let high = text.length;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (c.measureText(`${text.slice(0, middle)}…`).width <= width) low = middle;
    else high = middle - 1;
  }
  return low ? `${text.slice(0, low)}…` : '';
}

// begun returns how many packets had started before t.
function begun(packets, t) {
  let low = 0;
  let high = packets.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((packets[middle].step?.start ?? 0) < t) low = middle + 1;
    else high = middle;
  }
  return low;
}

// mark draws the outcome of a packet: by its shape, and by its colour too.
export function mark(c, outcome, x, y, colour, bad, ground) {
  c.lineWidth = 2;
  c.strokeStyle = colour;
  c.fillStyle = colour;
  c.beginPath();
  switch (outcome) {
    case 'replied':
      c.arc(x, y, 4.2, 0, 7);
      c.fill();
      break;
    case 'late':
      c.arc(x, y, 4, 0, 7);
      c.fillStyle = ground;
      c.fill();
      c.stroke();
      c.beginPath();
      c.moveTo(x, y - 3);
      c.lineTo(x, y);
      c.lineTo(x + 2.5, y);
      c.stroke();
      break;
    case 'refused':
      c.strokeStyle = bad;
      c.moveTo(x - 4, y - 4);
      c.lineTo(x + 4, y + 4);
      c.moveTo(x + 4, y - 4);
      c.lineTo(x - 4, y + 4);
      c.stroke();
      break;
    case 'stalled':
      c.strokeStyle = bad;
      c.moveTo(x - 3, y - 4.5);
      c.lineTo(x - 3, y + 4.5);
      c.moveTo(x + 3, y - 4.5);
      c.lineTo(x + 3, y + 4.5);
      c.stroke();
      break;
    case 'reset':
      c.fillStyle = bad;
      c.moveTo(x, y - 5);
      c.lineTo(x + 5, y);
      c.lineTo(x, y + 5);
      c.lineTo(x - 5, y);
      c.fill();
      break;
    default: // lost, not sent, in flight
      c.strokeStyle = bad;
      c.arc(x, y, 4, 0, 7);
      c.stroke();
  }
  c.lineWidth = 1;
}
