/** The panel's head: which history is shown, and choosing another one. */
import { caretDownIcon } from '@jupyterlab/ui-components';
import type { TranslationBundle } from '@jupyterlab/translation';
import React, { useEffect, useRef, useState } from 'react';

import type { IHistory } from './client';
import type { Model } from './model';
import { visible } from './words';

const TYPING_MS = 300;

export interface IHistoriesProps {
  model: Model;
  trans: TranslationBundle;
  onNew: () => void;
}

export function Histories({ model, trans, onNew }: IHistoriesProps): JSX.Element {
  const [isOpen, setOpen] = useState(false);
  const button = useRef<HTMLButtonElement>(null);
  const close = (): void => {
    setOpen(false);
    button.current?.focus();
  };
  return (
    <div
      className="nebulab-galaxy-histories"
      onBlur={event => !event.currentTarget.contains(event.relatedTarget) && setOpen(false)}
    >
      <button
        ref={button}
        className="nebulab-galaxy-history"
        aria-haspopup="dialog"
        aria-expanded={isOpen}
        title={trans.__('Show another history')}
        onClick={() => setOpen(!isOpen)}
      >
        <span>{visible(model.history?.name ?? trans.__('No history'))}</span>
        <caretDownIcon.react tag="span" width="16px" height="16px" />
      </button>
      {isOpen && <Choice model={model} trans={trans} onNew={onNew} onClose={close} />}
    </div>
  );
}

function Choice(props: IHistoriesProps & { onClose: () => void }): JSX.Element {
  const { model, trans, onNew, onClose } = props;
  const [search, setSearch] = useState('');
  const [found, setFound] = useState<IHistory[] | null>(null);
  const [error, setError] = useState('');
  const [at, setAt] = useState(0);

  useEffect(() => {
    let isOver = false;
    const wait = window.setTimeout(
      () => {
        model.client.histories(search).then(
          ({ histories }) => {
            if (!isOver) {
              setFound(histories);
              setError('');
              setAt(0);
            }
          },
          (why: Error) => !isOver && setError(why.message)
        );
      },
      search ? TYPING_MS : 0
    );
    return () => {
      isOver = true;
      window.clearTimeout(wait);
    };
  }, [model, search]);

  // A list without options is none for a screen reader.
  const hasChoice = Boolean(found?.length);

  const choose = (history: IHistory | undefined): void => {
    if (history) {
      onClose();
      void model.show(history);
    }
  };

  const onKeyDown = (event: React.KeyboardEvent): void => {
    const most = (found?.length ?? 1) - 1;
    if (event.key === 'Escape') {
      onClose();
    } else if (event.key === 'ArrowDown') {
      setAt(Math.min(at + 1, most));
    } else if (event.key === 'ArrowUp') {
      setAt(Math.max(at - 1, 0));
    } else if (event.key === 'Enter') {
      choose(found?.[at]);
    } else {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  };

  return (
    <div className="nebulab-galaxy-choice" role="dialog" aria-label={trans.__('Histories')}>
      <input
        className="jp-mod-styled"
        type="search"
        role="combobox"
        aria-expanded={hasChoice}
        aria-controls={hasChoice ? 'nebulab-galaxy-choices' : undefined}
        aria-activedescendant={found?.[at] ? `nebulab-galaxy-choice-${found[at].id}` : undefined}
        aria-label={trans.__('Search histories')}
        placeholder={trans.__('Search histories')}
        value={search}
        autoFocus
        onChange={event => setSearch(event.target.value)}
        onKeyDown={onKeyDown}
      />
      <ul id="nebulab-galaxy-choices" role={hasChoice ? 'listbox' : undefined} aria-label={trans.__('Histories')}>
        {found?.map((history, number) => (
          <li
            key={history.id}
            id={`nebulab-galaxy-choice-${history.id}`}
            role="option"
            aria-selected={number === at}
            onMouseDown={event => event.preventDefault()}
            onClick={() => choose(history)}
          >
            <span>{visible(history.name)}</span>
            {history.id === model.own && <em>{trans.__("this session's")}</em>}
          </li>
        ))}
      </ul>
      {error && <p role="alert">{error}</p>}
      {!error && found?.length === 0 && <p>{trans.__('No history has such a name.')}</p>}
      <button
        className="jp-Dialog-button jp-mod-accept jp-mod-styled"
        onClick={() => {
          onClose();
          onNew();
        }}
      >
        {trans.__('New history…')}
      </button>
    </div>
  );
}
