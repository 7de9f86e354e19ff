// Sentences that show, when clicked, the moment that they are about.
import { element } from './dom.js';
import { say } from './say.js';

// momentButton makes a button that shows what a sentence is about.
export function momentButton(moment, words, more = '') {
  const node = element('button', { class: `moment ${more}`.trim(), type: 'button', title: say('show this moment') }, words);
  node.moment = moment;
  return node;
}

// listen calls show with the moment of a button in root that is clicked.
export function listen(root, show) {
  root.addEventListener('click', ({ target }) => {
    const { moment } = target.closest('.moment') ?? {};
    if (moment) show(moment);
  });
}
