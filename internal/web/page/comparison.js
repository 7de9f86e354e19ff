// The table of a comparison: a row for each model, a column for each stream in each experiment. Its
// words come from Go (render/compare_page.go).
import { element, setText } from './dom.js';
import { say, speak, spoken } from './say.js';
import { streamName } from './words.js';

const most = 5; // maximum products that a row names

// linkTo returns the address of the film of a model or, without one, of the table, in the present
// language and colours.
export function linkTo(model) {
  const root = document.documentElement;
  const query = new URLSearchParams({ ...(model && { model }), lang: root.lang, ...(root.dataset.theme && { theme: root.dataset.theme }) });
  return `?${query}`;
}

export function showComparison(compared) {
  const root = document.documentElement;
  const at = (id) => document.getElementById(id);
  root.dataset.comparing = 'yes';
  at('comparison').hidden = false;
  const draw = () => {
    speak(root.lang);
    const words = compared.words[spoken()];
    document.title = say('{0} – lablab', compared.scenario);
    setText(at('question'), words.question || words.title);
    setText(at('title'), words.question ? words.title : '');
    setText(at('language'), spoken() === 'ja' ? 'English' : '日本語');
    at('language').lang = spoken() === 'ja' ? 'en' : 'ja';
    setText(at('theme'), say('Light or dark'));
    at('comparison').replaceChildren(...parts(compared, words));
  };
  at('language').addEventListener('click', () => {
    root.lang = spoken() === 'ja' ? 'en' : 'ja';
    draw();
  });
  at('theme').addEventListener('click', () => {
    const dark = root.dataset.theme ? root.dataset.theme === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches;
    root.dataset.theme = dark ? 'light' : 'dark';
    draw();
  });
  draw();
}

function parts(compared, words) {
  return [
    words.caveat && element('p', { class: 'caveat' }, words.caveat),
    element('ol', { class: 'steps' }, words.steps.map((step, i) => element('li', {}, element('span', { class: 'number' }, String(i + 1)), step))),
    table(compared, words),
    meanings(compared, words),
    ...words.not_run.map((line) => element('p', { class: 'not-run' }, line)),
  ].filter(Boolean);
}

function table(compared, words) {
  const streams = [];
  for (const { stream } of compared.columns) {
    if (streams.at(-1)?.stream === stream) streams.at(-1).columns++;
    else streams.push({ stream, columns: 1 });
  }
  return element('table', { class: 'models', role: 'table' },
    element('caption', { class: 'unseen' }, say('What happens to each stream in each experiment, under each model')),
    element('thead', { role: 'rowgroup' },
      element('tr', { role: 'row' }, element('th', { scope: 'col', rowspan: 2, role: 'columnheader' }, say('model')),
        streams.map(({ stream, columns }) => element('th', { scope: 'colgroup', colspan: columns, role: 'columnheader' }, streamName(stream)))),
      element('tr', { role: 'row' }, compared.columns.map(({ experiment }) => element('th', { scope: 'col', role: 'columnheader' },
        element('span', { class: 'unseen' }, say('experiment')), ' ', element('span', { class: 'number' }, String(experiment)))))),
    element('tbody', { role: 'rowgroup' }, compared.rows.map((row, i) => element('tr', { role: 'row' }, heading(row, words.summaries[i]),
      row.cells.map((cell, k) => box(cell, compared.columns[k], words))))));
}

// heading returns the first cell of a row: the model, what it does, and whose firewalls do that.
function heading(row, summary) {
  const out = row.products.length - most;
  return element('th', { scope: 'row', role: 'rowheader' },
    element('a', { class: 'film', href: linkTo(row.name) }, row.name, element('span', { class: 'unseen' }, ' ', say('play'))),
    row.name !== row.model && element('span', { class: 'is' }, row.model),
    row.products.length > 0 && element('span', { class: 'products' }, row.products.slice(0, most).map((name) => element('span', {}, name)), out > 0 && element('span', {}, say('and {0} more', out))),
    element('p', { class: 'summary' }, summary));
}

function box(cell, { stream, experiment }, words) {
  const where = element('span', { class: 'where', 'aria-hidden': 'true' }, `${streamName(stream)} · ${experiment}`);
  if (!cell) return element('td', { role: 'cell', 'data-tone': 'none' }, where);
  return element('td', { role: 'cell', 'data-tone': cell.tone },
    where, element('span', { class: 'sign', 'aria-hidden': 'true' }, cell.sign),
    element('span', { class: 'unseen' }, words.outcomes[cell.outcome], ' '),
    element('span', { class: 'reason' }, words.reasons[cell.reason]?.word ?? cell.reason), ' ',
    element('span', { class: 'count' }, `${cell.received}/${cell.sent}`, cell.doubtful && ' ?'));
}

function meanings(compared, words) {
  const signs = new Map(compared.rows.flatMap((row) => row.cells).filter(Boolean).map((cell) => [cell.outcome, cell]));
  return element('dl', { class: 'meanings' },
    (compared.outcomes ?? []).map((outcome) => element('div', { 'data-tone': signs.get(outcome).tone }, element('dt', { class: 'sign' }, signs.get(outcome).sign), element('dd', {}, words.outcomes[outcome]))),
    (compared.reasons ?? []).map((reason) => element('div', {}, element('dt', {}, words.reasons[reason].word), element('dd', {}, words.reasons[reason].meaning))));
}
