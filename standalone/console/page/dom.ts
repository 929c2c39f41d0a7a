// Building and keeping up a page by hand: elements that stay while what they show changes, so that the focus, a selection
// and the reading of a screen reader stay too. Text is always set as text.

export function byId<T extends HTMLElement>(id: string, type: new () => T): T {
  const found = document.getElementById(id);
  if (!(found instanceof type)) throw new Error(`the page has no ${type.name} #${id}`);
  return found;
}

/** `element('p', 'faint', 'text', child)`. */
export function element<K extends keyof HTMLElementTagNameMap>(tag: K, className: string, ...children: (string | Node)[]): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag);
  if (className !== '') made.className = className;
  made.append(...children);
  return made;
}

/** Touches the page only where the text differs. */
export function setText(node: HTMLElement, text: string): void {
  if (node.textContent !== text) node.textContent = text;
}

export function button(text: string, label: string, onClick: () => void): HTMLButtonElement {
  const made = element('button', '', text);
  made.type = 'button';
  made.setAttribute('aria-label', label);
  made.addEventListener('click', onClick);
  return made;
}

/** What belongs to one item of a list: its element, and how it is brought up to date. */
export interface Row<T> {
  readonly root: HTMLElement;
  update(item: T): void;
}

/** A list whose rows stay as long as their key does. */
export class KeyedList<T> {
  private readonly parent: HTMLElement;
  private readonly keyOf: (item: T) => string;
  private readonly create: (item: T) => Row<T>;
  private readonly rows = new Map<string, Row<T>>();

  constructor(parent: HTMLElement, keyOf: (item: T) => string, create: (item: T) => Row<T>) {
    this.parent = parent;
    this.keyOf = keyOf;
    this.create = create;
  }

  show(items: readonly T[]): void {
    const wanted = new Set(items.map(this.keyOf));
    for (const [key, row] of this.rows) {
      if (wanted.has(key)) continue;
      row.root.remove();
      this.rows.delete(key);
    }
    items.forEach((item, index) => {
      const key = this.keyOf(item);
      let row = this.rows.get(key);
      if (row === undefined) {
        row = this.create(item);
        this.rows.set(key, row);
      }
      row.update(item);
      // Moving an element takes its focus away.
      const there = this.parent.children[index];
      if (there !== row.root) this.parent.insertBefore(row.root, there ?? null);
    });
  }
}
