/** Requests to Nebulab's part of the server, below `/nebulab/`. */
import { URLExt } from '@jupyterlab/coreutils';
import { ServerConnection } from '@jupyterlab/services';

/** An answer that is no success: its status, what happened, and what to do next. */
export class Refused extends Error {
  constructor(
    readonly status: number,
    message: string,
    readonly hint = ''
  ) {
    super(message);
  }
}

/**
 * Return the JSON that the server answers to a request of `/nebulab/<path>`, or null where it has no answer (204).
 *
 * Throws `Refused` with the server's own sentence, and what `fetch` throws where there is no server.
 */
export async function ask<T>(
  settings: ServerConnection.ISettings,
  path: string,
  init: RequestInit = {}
): Promise<T | null> {
  const url = new URL(URLExt.join(settings.baseUrl, 'nebulab') + '/' + path);
  const answer = await ServerConnection.makeRequest(url.href, init, settings);
  if (answer.status === 204) {
    return null;
  }
  if (!answer.ok) {
    throw await refusal(answer);
  }
  return (await answer.json()) as T;
}

async function refusal(answer: Response): Promise<Refused> {
  let said: { message?: string; reason?: string; hint?: string } = {};
  try {
    said = await answer.json();
  } catch {
    // a proxy's page
  }
  const text = said.message || said.reason || `the session answered ${answer.status}`;
  return new Refused(answer.status, text, said.hint);
}
