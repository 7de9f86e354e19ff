// A list whose rows live as long as what they show, so that a button that is being pressed, or is
// about to be, does not turn into another one.

export class Rows {
  // make creates the row of a thing: {node, show(thing)}.
  constructor(root, key, make) {
    this.root = root;
    this.key = key;
    this.make = make;
    this.rows = new Map();
    root.tabIndex = -1; // takes the focus of a row that is removed
  }

  show(things) {
    const keys = new Set(things.map(this.key));
    for (const [key, row] of this.rows) if (!keys.has(key)) this.drop(key, row);
    let at = this.root.firstElementChild;
    for (const thing of things) {
      const key = this.key(thing);
      let row = this.rows.get(key);
      if (!row) this.rows.set(key, row = this.make(thing));
      row.show(thing);
      if (row.node === at) at = at.nextElementSibling;
      else this.root.insertBefore(row.node, at);
    }
  }

  drop(key, row) {
    const near = row.node.nextElementSibling ?? row.node.previousElementSibling;
    const had = row.node.contains(document.activeElement);
    row.node.remove();
    this.rows.delete(key);
    if (had) (near?.querySelector('button, input') ?? this.root).focus();
  }
}
