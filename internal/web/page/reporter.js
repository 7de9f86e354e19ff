// What package report makes of the timeline: asked for when something has happened, once
// a second at most, and not while nobody looks.
import { ask } from './api.js';
import { spoken } from './say.js';

const often = 1000; // ms

export class Reporter {
  constructor(page) {
    this.page = page;
    this.wanted = false;
    this.asking = false;
    document.addEventListener('visibilitychange', () => this.ask());
    document.addEventListener('lablab:language', () => this.due());
  }

  // last takes the report of a lab that is no more, which nobody can be asked for.
  last(report) {
    this.over = true;
    if (report) this.page.setReport(report);
  }

  // due says that something has happened.
  due() {
    this.wanted = true;
    this.ask();
  }

  async ask() {
    if (!this.wanted || this.asking || this.over || document.hidden) return;
    this.asking = true;
    this.wanted = false;
    try {
      const report = spoken() === 'en' ? { en: await ask('report') } : await ask(`report?words=${spoken()}`);
      if (!this.over) this.page.setReport(report);
    } catch { /* it is asked for again when the connection is back */ }
    setTimeout(() => {
      this.asking = false;
      this.ask();
    }, often);
  }
}
