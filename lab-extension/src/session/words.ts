import type { TranslationBundle } from '@jupyterlab/translation';

/** What is longer JupyterLab cuts, in the list of notifications too. */
const LONGEST_NOTICE = 140;

/** Return the time left in words: minutes, and seconds within the last minute. */
export function inWords(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  return whole < 60 ? `${whole} s` : `${Math.floor(whole / 60)} min`;
}

/** Return the sentences at the beginning of `text` that fit into a notification, all of it if it does. */
export function headline(text: string): string {
  if (text.length <= LONGEST_NOTICE) {
    return text;
  }
  const sentences = text.slice(0, LONGEST_NOTICE).match(/^[^]*[.!?](?=\s)/);
  return sentences ? sentences[0] : text.slice(0, LONGEST_NOTICE - 2).replace(/\s+\S*$/, '') + ' …';
}

/** Return a time span for people: hours and minutes, and seconds within the last minute. */
export function span(seconds: number, trans: TranslationBundle): string {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) {
    return trans.__('%1 s', whole);
  }
  const minutes = Math.floor(whole / 60);
  if (minutes < 100) {
    return trans.__('%1 min', minutes);
  }
  const hours = Math.floor(minutes / 60);
  return minutes % 60 ? trans.__('%1 h %2 min', hours, minutes % 60) : trans.__('%1 h', hours);
}
