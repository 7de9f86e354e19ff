// The page of a comparison: its table or, with ?model=NAME, the film of a model.
import { showComparison } from './comparison.js';
import { showFilm } from './comparison_film.js';

const read = (id) => JSON.parse(document.getElementById(id).textContent);
const root = document.documentElement;
const wanted = new URLSearchParams(location.search);

if (['en', 'ja'].includes(wanted.get('lang'))) root.lang = wanted.get('lang');
if (['light', 'dark'].includes(wanted.get('theme'))) root.dataset.theme = wanted.get('theme');

const compared = read('compared');
const film = compared.rows.findIndex((row) => row.name === wanted.get('model'));
if (film < 0) showComparison(compared);
else showFilm(compared.rows[film], { events: read(`record-${film}`), report: read(`report-${film}`), narration: read(`narration-${film}`) });
