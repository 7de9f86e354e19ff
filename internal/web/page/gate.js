// A host on the stage: its gate, which is the list of rules that packets are checked against, and
// next to it the conntrack entries.
import { element, setText, setData } from './dom.js';
import { say } from './say.js';
import { clock, flowText, ruleText, streamName } from './words.js';

const ownRow = new Set(['model', 'tombstone', 'check', 'link', 'loopback', 'service', 'ruleset']); // what decides, besides rules, entries and defaults

const shown = 4; // maximum entries shown per host; beyond that, only their number
const crowd = 7; // maximum rules shown per list; beyond that, those that matter now and the number of the others

export class Gate {
  // pin is called when the user wants to see one of many hosts; without it all are shown.
  constructor(host, film, side, pin) {
    this.pin = pin;
    this.host = host;
    this.film = film;
    this.side = side;
    this.rows = new Map(); // key → element
    this.cards = new Map(); // entry → element
    this.lists = {};
    this.known = '';
    this.build();
  }

  build() {
    this.opener = this.pin ? element('button', { type: 'button', class: 'opener', onclick: () => { this.pinned = !this.pinned; this.pin(); } }, this.host.name) : null;
    this.title = element('h2', {}, this.opener ?? this.host.name);
    this.pinned = false; // the user wants to see this one of many hosts
    this.folded = false;
    this.groups = element('span', { class: 'groups' });
    this.model = element('span', { class: 'model' });
    this.entries = element('ul', { class: 'entries' });
    this.more = element('p', { class: 'more', hidden: true });
    this.none = element('p', { class: 'none' });
    this.heading = element('h3');
    const lists = ['egress', 'ingress'].map((direction) => this.list(direction));
    this.gate = element('div', { class: 'gate' }, this.side === 'left' ? lists : lists.reverse());
    this.table = element('div', { class: 'table' }, this.heading, this.none, this.entries, this.more);
    this.body = element('div', { class: 'body' }, this.gate, this.table);
    this.node = element('article', { class: 'host', 'data-side': this.side },
      element('header', {}, this.title, element('span', { class: 'address' }, [this.host.address, this.host.second].filter(Boolean).map((a) => String(a).split('/')[0]).join(' ')), this.groups, this.model),
      this.body);
    this.speak();
  }

  list(direction) {
    const head = element('p', { class: 'head' });
    const list = element('ol', { class: 'list' });
    this.lists[direction] = { head, list };
    this.add(direction, 'established', 'established');
    this.add(direction, 'default-deny', 'deny');
    return element('div', { class: 'way', 'data-direction': direction }, head, list);
  }

  // add inserts a row into a list: before the default deny, or first if it belongs to an ACL or to the
  // host's model.
  add(direction, key, kind) {
    const row = element('li', { class: 'row', 'data-kind': kind },
      element('span', { class: 'name' }), element('span', { class: 'text' }), element('span', { class: 'tag' }), element('span', { class: 'verdict', 'aria-hidden': 'true' }));
    [row.name, row.text, row.tag] = row.children;
    const { list } = this.lists[direction];
    if (kind === 'acl' || kind === 'own') list.insertBefore(row, list.querySelector('[data-kind=established]'));
    else list.insertBefore(row, this.rows.get(`${direction} default-deny`) ?? null);
    this.rows.set(`${direction} ${key}`, row);
    return row;
  }

  // rowOf returns the row that gave a verdict; an error about a flow passes as the flow does.
  rowOf(direction, verdict) {
    const key = verdict.rule_number ? `rule ${verdict.rule_number}` : verdict.rule;
    return this.rows.get(`${direction} ${key}`) ?? this.rows.get(`${direction} ${verdict.accepted ? 'established' : 'default-deny'}`);
  }

  ruleRow(number) {
    return this.rows.get(`ingress rule ${number}`) ?? this.rows.get(`egress rule ${number}`);
  }

  speak() {
    this.lists.egress.head.textContent = say('{0} · outbound', this.host.name);
    this.lists.ingress.head.textContent = say('{0} · inbound', this.host.name);
    this.heading.textContent = say('conntrack remembers');
    this.none.textContent = say('nothing');
    for (const direction of ['ingress', 'egress']) {
      setText(this.rows.get(`${direction} established`).name, 'established');
      setText(this.rows.get(`${direction} established`).text, say('already known'));
      setText(this.rows.get(`${direction} default-deny`).name, 'default deny');
      setText(this.rows.get(`${direction} default-deny`).text, say('everything else'));
    }
    setText(this.model, this.host.model ? say('model {0}', this.host.model) : '');
    this.deciders = -1; // said again
    this.acl = null;
    this.known = '';
  }

  // show updates rows and entries to the moment t; judging has the numbers of the rules that decide
  // about a packet at that moment. It reports whether something has come or gone, so that the
  // layout must be measured again.
  show(t, real, judging = new Set()) {
    const alive = (this.all ?? []).filter((e) => !e.hidden && this.film.when(e.born) <= t && !(e.dead && this.film.when(e.dead) + 1.2 <= t));
    this.showDeciders();
    const rows = this.showRows(t, judging, new Set(alive.map((e) => this.changeOf(e, t)?.mark)));
    const acl = this.showACL(t);
    const entries = this.showEntries(alive, t, real);
    const known = `${rows}|${acl}|${entries}`;
    const moved = known !== this.known;
    this.known = known;
    return moved;
  }

  showRows(t, judging, admitting) {
    let known = '';
    const there = { ingress: [], egress: [] };
    for (const [index, { rule, spans, hits }] of this.host.rows.entries()) {
      const direction = rule.direction === 'egress' ? 'egress' : 'ingress';
      const key = `${direction} rule ${rule.number}`;
      const row = this.rows.get(key) ?? this.add(direction, `rule ${rule.number}`, 'rule');
      const span = spans.findLast((s) => this.film.when(s.from) <= t);
      const gone = span?.to && this.film.when(span.to) <= t;
      row.hidden = !span;
      setText(row.name, rule.id);
      setText(row.text, rule.text);
      setData(row, 'gone', gone ? span.why : null);
      setText(row.tag, gone ? (span.why === 'group' ? say('group left') : say('revoked')) : '');
      const changed = t - this.film.when(gone ? span.to : span?.from) < 3;
      setData(row, 'fresh', !gone && span?.from && changed ? 'yes' : null);
      const judges = judging.has(rule.number);
      const admits = gone && admitting.has(rule.number);
      if (span) there[direction].push({ row, index, gone, admits, hits, name: `${rule.group} ${rule.id} ${rule.text}`, needed: judges || admits || (gone && changed) });
    }
    for (const [direction, rules] of Object.entries(there)) this.leaveOut(direction, rules);
    for (const row of this.rows.values()) known += row.hidden ? '-' : row.dataset.gone ? 'x' : '+';
    const groups = this.host.changes.findLast((c) => this.film.when(c.moment) <= t)?.groups ?? this.host.changes[0]?.moment.step.was ?? this.host.groups;
    setText(this.groups, groups.length ? say('group {0}', groups.join(', ')) : say('no group'));
    return known;
  }

  // leaveOut hides the rules for which a list has no room, and shows how many.
  leaveOut(direction, rules) {
    const out = rules.length > crowd ? inOrderOfWeight(rules).slice(crowd).filter((r) => !r.needed) : [];
    for (const { row } of out) row.hidden = true;
    const more = this.rows.get(`${direction} more`) ?? this.add(direction, 'more', 'more');
    more.hidden = !out.length;
    if (!out.length) return;
    setText(more.text, say('and {0} more', out.length));
    const last = out.reduce((a, b) => (a.index > b.index ? a : b)).row;
    if (last.nextElementSibling !== more) last.after(more);
  }

  // showDeciders has a row for whatever decides about packets. Under some models, no entry does.
  showDeciders() {
    const { deciders, model } = this.host;
    if (this.deciders === deciders.size) return;
    this.deciders = deciders.size;
    const ofEntries = new Set();
    for (const [key, by] of deciders) {
      const [direction, rule] = key.split('\n');
      if (by === 'established' || by === 'related') ofEntries.add(direction);
      if (!ownRow.has(by)) continue;
      const row = this.rows.get(`${direction} ${rule}`) ?? this.add(direction, rule, 'own');
      const [name, text] = wordsOf(rule);
      setText(row.name, name);
      setText(row.text, text);
    }
    for (const direction of ['ingress', 'egress']) this.rows.get(`${direction} established`).hidden = model !== '' && deciders.size > 0 && !ofEntries.has(direction);
  }

  showACL(t) {
    const acl = this.host.acls.findLast((a) => this.film.when(a.moment) <= t);
    if (acl === this.acl) return this.aclRows;
    this.acl = acl;
    const wanted = new Map();
    for (const direction of acl?.acl ? ['ingress', 'egress'] : []) {
      for (const rule of acl.acl[direction] ?? []) wanted.set(`${direction} acl-${rule.number}`, [`ACL ${rule.number}`, ruleText(rule)]);
      wanted.set(`${direction} acl-default-deny`, ['ACL *', say('deny everything else')]);
    }
    for (const [key, [name, text]] of wanted) {
      const [direction, rule] = key.split(' ');
      const row = this.rows.get(key) ?? this.add(direction, rule, 'acl');
      row.parentNode.insertBefore(row, this.rows.get(`${direction} established`)); // in the order in which they are checked
      setText(row.name, name);
      setText(row.text, text);
    }
    for (const [key, row] of this.rows) if (row.dataset.kind === 'acl') row.hidden = !wanted.has(key);
    this.aclRows = [...wanted.keys()].join();
    return this.aclRows;
  }

  showEntries(alive, t, real) {
    const visible = alive.slice(-shown);
    for (const [entry, card] of this.cards) {
      if (!visible.includes(entry)) {
        card.remove();
        this.cards.delete(entry);
      }
    }
    for (const entry of visible) this.showEntry(entry, t, real);
    this.none.hidden = visible.length > 0;
    this.more.hidden = alive.length <= shown;
    if (!this.more.hidden) setText(this.more, say('and {0} more', alive.length - shown));
    return visible.map((e) => e.id + (this.cards.get(e).dataset.dead ?? '')).join();
  }

  showEntry(entry, t, real) {
    let card = this.cards.get(entry);
    if (!card) {
      card = element('li', { class: 'entry', 'data-stream': entry.stream ? entry.stream.index % 8 : null },
        element('span', { class: 'stream' }), element('span', { class: 'state' }), element('span', { class: 'flow' }),
        element('span', { class: 'timer' }, element('span', { class: 'bar' })), element('span', { class: 'left' }), element('span', { class: 'by' }));
      [card.stream, card.state, card.flow, card.timer, card.left, card.by] = card.children;
      card.bar = card.timer.firstChild;
      this.cards.set(entry, card);
      this.entries.append(card);
    }
    const dead = entry.dead && this.film.when(entry.dead) <= t;
    const change = this.changeOf(entry, t);
    const touch = lastTouch(entry, t, this.film);
    const since = Math.max(this.realOf(entry.born), touch ? this.realOf(touch) : 0);
    const total = change?.timeout ?? 0;
    const left = Math.max(0, total - Math.max(0, real - since));
    setData(card, 'dead', dead ? 'yes' : null);
    setData(card, 'state', change?.replied ? 'established' : 'new');
    setText(card.stream, entry.stream ? streamName(entry.stream.stream) : say('started by hand'));
    setText(card.state, dead ? say('deleted') : change?.replied ? 'established' : 'new');
    setText(card.flow, flowText(entry.orig));
    setText(card.left, clock(left, this.fine));
    card.bar.style.transform = `scaleX(${total ? Math.max(0, Math.min(1, left / total)).toFixed(3) : 0})`;
    card.mark = change?.mark ?? 0;
    const row = this.host.rows.find((r) => r.rule.number === card.mark);
    const gone = row && this.rows.get(`${row.rule.direction} rule ${row.rule.number}`)?.dataset.gone;
    setText(card.by, admission(row?.rule.id, gone));
    setData(card, 'orphan', gone ? 'yes' : null);
    entry.touchedAt = touch ? this.film.when(touch) : this.film.when(entry.born);
  }

  // changeOf returns the last change of an entry before t.
  changeOf(entry, t) { return entry.changes.findLast((c) => this.film.when(c.moment) <= t) ?? entry.changes[0]; }

  realOf(moment) { return moment?.step ? moment.step.ns : 0; }
}

// wordsOf returns the name and the text of the row of what decides, by its id.
function wordsOf(id) {
  switch (id) {
    case 'tombstone': return ['tombstone', say('stops replies')];
    case 'not-filtered': return [say('not filtered'), say('everything passes')];
    case 'any-echo-reply': return ['echo-reply', say('everything passes')];
    case 'mid-connection': return ['mid-connection', say('TCP after its SYN passes')];
    case 'source-dest-check': return [say('source/destination check'), ''];
  }
  return [id, ''];
}

// admission returns which rule admitted an entry, and what has become of that rule at the host.
function admission(rule, gone) {
  if (!rule) return say('admitted by no rule');
  if (gone === 'revoked') return say('admitted by {0} (since revoked)', rule);
  return gone ? say('admitted by {0} (group left)', rule) : say('admitted by {0}', rule);
}

// inOrderOfWeight puts rules in force first, above all those that have accepted something. Of the
// revoked rules, those that admitted a live entry come first, then the newest of each name.
function inOrderOfWeight(rules) {
  const named = new Map();
  for (const r of rules) if (!r.gone || (named.get(r.name)?.gone ?? true)) named.set(r.name, r);
  const weight = (r) => (!r.gone ? (r.needed ? 0 : r.hits ? 1 : 2) : r.admits ? 3 : named.get(r.name) === r ? 4 : 5);
  return [...rules].sort((a, b) => weight(a) - weight(b) || (a.gone ? b.index - a.index : a.index - b.index));
}

// lastTouch returns the last packet before t that renewed an entry.
function lastTouch(entry, t, film) {
  let low = 0;
  let high = entry.touches.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (film.when(entry.touches[middle]) <= t) low = middle + 1;
    else high = middle;
  }
  return entry.touches[low - 1];
}
