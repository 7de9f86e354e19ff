// The film of one model of a comparison, with the way back to the table.
import { element } from './dom.js';
import { linkTo } from './comparison.js';
import { start } from './main.js';
import { say } from './say.js';

export function showFilm(row, film) {
  const root = document.documentElement;
  const back = document.getElementById('back');
  const draw = () => back.replaceChildren(element('a', { href: linkTo(null) }, say('All models')), element('span', { 'aria-hidden': 'true' }, ' / '), element('b', {}, row.name));
  back.hidden = false;
  document.addEventListener('lablab:language', draw);
  new MutationObserver(draw).observe(root, { attributeFilter: ['data-theme'] });
  start({ ...film, asks: false }); // the table has the answer
}
