// The film on paper: for each experiment a still of its decisive moment, with what is said about it.
import { element } from './dom.js';
import { say } from './say.js';

export class Storyboard {
  constructor(root, page) {
    Object.assign(this, { root, page });
    addEventListener('beforeprint', () => this.draw());
    addEventListener('afterprint', () => this.root.replaceChildren());
    matchMedia('print').addEventListener('change', ({ matches }) => (matches ? this.draw() : this.root.replaceChildren()));
  }

  draw() {
    if (this.root.childElementCount) return;
    const { model, stage, caption, player, lanes, film } = this.page;
    const { root } = stage;
    root.classList.add('still');
    for (const { number } of model.experiments) {
      const { t, text } = caption.decisive(number);
      stage.fit();
      stage.render(t);
      const still = root.cloneNode(true);
      still.removeAttribute('id');
      still.removeAttribute('aria-label');
      still.removeAttribute('style');
      this.root.append(element('figure', {}, element('h2', {}, say('Experiment {0}: {1}', number, model.titleOf(number))), still, element('figcaption', {}, text)));
    }
    root.classList.remove('still');
    stage.fit();
    stage.render(player.t);
    lanes.show(film.length);
  }
}
