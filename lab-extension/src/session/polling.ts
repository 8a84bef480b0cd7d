import type { INotebookTracker, NotebookPanel } from '@jupyterlab/notebook';

import { Refused } from '../server';
import type { IStatus, Session } from './client';
import type { Ending } from './ending';
import type { Notices } from './notices';

const POLL_MILLISECONDS = 30000;
const RETRY_MILLISECONDS = 3000;
/** When a kernel has died the session may see the reason up to a second later than JupyterLab sees the death. */
const ASK_AGAIN_MILLISECONDS = [0, 1000, 2500];
/** The proxy answers so for a session that is gone; the way in (401, 403) and Galaxy's restart (503) are no end. */
const GONE = [404, 410, 502];

/** Ask twice a minute, and at once when the user comes back to the page; return what asks at once. */
export function poll(session: Session, notices: Notices, ending: Ending): () => void {
  let timer = 0;
  let refused = 0;
  const round = async (): Promise<void> => {
    clearTimeout(timer);
    let status: IStatus | null | undefined;
    let pause = POLL_MILLISECONDS;
    try {
      status = await session.status();
      refused = 0;
    } catch (error) {
      status = undefined; // away for a while, of which JupyterLab itself tells, or over
      refused = error instanceof Refused && GONE.includes(error.status) ? refused + 1 : 0;
      pause = RETRY_MILLISECONDS;
    }
    if (ending.isOver) {
      return;
    }
    if (refused > 1) {
      ending.tell();
      return;
    }
    if (status) {
      ending.keptIn = status.kept_in;
      notices.show(status);
    }
    if (status !== null) {
      clearTimeout(timer); // of a round that was asked for meanwhile
      timer = window.setTimeout(() => void round(), pause);
    }
  };
  document.addEventListener('visibilitychange', () => {
    if (document.visibilityState === 'visible' && timer) {
      void round();
    }
  });
  void round();
  return () => void (ending.isOver || round());
}

/** Ask at once when a kernel has died: the session knows the reason, of which JupyterLab's dialog says nothing. */
export function explainDeaths(askNow: () => void, tracker: INotebookTracker): void {
  const watch = (panel: NotebookPanel): void => {
    panel.sessionContext.statusChanged.connect((_, status) => {
      if (status === 'autorestarting' || status === 'dead') {
        for (const pause of ASK_AGAIN_MILLISECONDS) {
          setTimeout(askNow, pause);
        }
      }
    });
  };
  tracker.forEach(watch);
  tracker.widgetAdded.connect((_, panel) => watch(panel));
}
