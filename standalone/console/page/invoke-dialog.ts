// Invoking an action with parameters of the visitor's, and its record as the answer.
import type { ActionView } from '../../inspection/views.ts';
import { byId, setText } from './dom.ts';
import type { ServerAccess } from './server.ts';

export class InvokeDialog {
  private readonly server: ServerAccess;
  private readonly dialog = byId('invoke', HTMLDialogElement);
  private readonly title = byId('invoke-title', HTMLHeadingElement);
  private readonly parameters = byId('parameters', HTMLTextAreaElement);
  private readonly send = byId('invoke-send', HTMLButtonElement);
  private readonly error = byId('invoke-error', HTMLParagraphElement);
  private readonly result = byId('invoke-result', HTMLPreElement);
  private action: ActionView | undefined;

  constructor(server: ServerAccess) {
    this.server = server;
    this.send.addEventListener('click', (event) => {
      event.preventDefault();
      void this.invoke();
    });
  }

  open(action: ActionView): void {
    this.action = action;
    setText(this.title, `Invoke ${action.qualifiedName}`);
    setText(this.error, '');
    this.result.hidden = true;
    this.dialog.showModal();
    this.parameters.focus();
  }

  private async invoke(): Promise<void> {
    const { action } = this;
    if (action === undefined) return;
    this.send.disabled = true;
    setText(this.error, '');
    this.result.hidden = true;
    try {
      setText(this.result, JSON.stringify(await this.server.invoke(action, objectOf(this.parameters.value)), null, 2));
      this.result.hidden = false;
    } catch (error) {
      setText(this.error, error instanceof Error ? error.message : String(error));
    } finally {
      this.send.disabled = false;
      this.send.focus();
    }
  }
}

/** @throws Error with what is wrong, for the visitor */
function objectOf(text: string): object {
  let value: unknown;
  try {
    value = JSON.parse(text === '' ? '{}' : text);
  } catch (error) {
    throw new Error(`The parameters are no JSON: ${error instanceof Error ? error.message : ''}`, { cause: error });
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Error('The parameters have to be a JSON object, such as {"name": "value"}.');
  return value;
}
