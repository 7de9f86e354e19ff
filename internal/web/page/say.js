// Translation: the page's texts in the chosen language. English is written where it is used; ja.js
// has the Japanese.
import { visible } from './dom.js';
import { japanese } from './ja.js';

// A space that a value in Latin letters needs, but one in Japanese does not.
const between = /(?<=[\u3041-\u30ff\u4e00-\u9fff]) (?=[\u3041-\u30ff\u4e00-\u9fff])/g;

let language = 'en';

// speak selects the language: 'en' or 'ja'.
export function speak(chosen) {
  language = chosen === 'ja' ? 'ja' : 'en';
  document.documentElement.lang = language;
}

export function spoken() { return language; }

// say returns the text with the values in place of {0}, {1} …
export function say(text, ...values) {
  const form = language === 'ja' ? japanese[text] ?? text : text;
  return spaced(form.replace(/\{(\d)\}/g, (place, i) => (i in values ? visible(values[i]) : place)));
}

// spaced returns a sentence with the spaces that its language has.
export function spaced(sentence) { return language === 'ja' ? sentence.replace(between, '') : sentence; }
