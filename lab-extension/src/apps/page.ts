/** A notebook saved as a page: the request, and what becomes of it. */
import { Notification } from '@jupyterlab/apputils';
import type { ServerConnection } from '@jupyterlab/services';
import type { TranslationBundle } from '@jupyterlab/translation';

import { ask, Refused } from '../server';

const LOOK_MS = 1000;

/** What the server answers: nothing while the page is made. */
interface IMade {
  path?: string;
  hid?: number;
  name?: string;
  /** The numbers of code cells whose widgets are not in the page. */
  without?: number[];
}

/** Return what happened and what to do, as one line. */
export function sentence(error: unknown): string {
  if (error instanceof Refused) {
    return error.hint ? `${error.message} ${error.hint}` : error.message;
  }
  return error instanceof Error ? error.message : String(error);
}

/** Have the page made, and tell of it until it is there. */
export function page(
  settings: ServerConnection.ISettings,
  path: string,
  history: boolean,
  trans: TranslationBundle
): void {
  Notification.promise(made(settings, path, history), {
    pending: { message: trans.__('The notebook runs, and is saved as a page …'), options: { autoClose: false } },
    success: {
      message: result => {
        const page = result as IMade;
        const saved = page.hid
          ? trans.__('Saved as %1, and as number %2 of your history.', page.path, page.hid)
          : trans.__('Saved as %1. It comes into your history when the session ends.', page.path);
        return [saved, missing(page.without ?? [], trans)].filter(Boolean).join(' ');
      },
      options: { autoClose: 20000 }
    },
    error: {
      message: reason => trans.__('The page was not saved: %1', sentence(reason)),
      options: { autoClose: false }
    }
  });
}

/** What is not in the page, and what to do. */
function missing(cells: number[], trans: TranslationBundle): string {
  if (!cells.length) {
    return '';
  }
  return trans._n(
    'The widget of code cell %2 is not in it: a page has no kernel. Open the notebook as an app, or draw it with Matplotlib, Bokeh or Plotly.',
    'The widgets of code cells %2 are not in it: a page has no kernel. Open the notebook as an app, or draw them with Matplotlib, Bokeh or Plotly.',
    cells.length,
    cells.join(', ')
  );
}

async function made(settings: ServerConnection.ISettings, path: string, history: boolean): Promise<any> {
  const init = { method: 'POST', body: JSON.stringify({ path, history }) };
  const begun = await ask<{ id: string }>(settings, 'apps/page', init);
  for (;;) {
    await new Promise(resolve => window.setTimeout(resolve, LOOK_MS));
    const said = await ask<IMade>(settings, `apps/page?id=${begun?.id}`);
    if (said?.path) {
      return said;
    }
  }
}
