/** The Galaxy panel in the left side bar. It is loaded when it is first shown. */
import { ReactWidget } from '@jupyterlab/ui-components';
import { fileUploadIcon, refreshIcon } from '@jupyterlab/ui-components';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { Drag } from '@lumino/dragdrop';
import type { Message } from '@lumino/messaging';
import { Menu } from '@lumino/widgets';
import React, { useEffect, useReducer, useRef, useState } from 'react';

import { type Actions, COMMANDS } from './actions';
import { Histories } from './histories';
import { List } from './list';
import { dragOnceMoved } from './load';
import type { Model } from './model';
import { Transfers } from './transfers';

/** As JupyterLab's file browser names what is dragged out of it. */
const FILES = 'application/x-jupyter-icontents';
const TYPING_MS = 300;
const DOCUMENTATION = 'nebulab lab --galaxy https://usegalaxy.eu';

export class GalaxyPanel extends ReactWidget {
  private readonly _menu: Menu;

  constructor(private readonly _actions: Actions) {
    super();
    this.addClass('nebulab-galaxy');
    this._menu = new Menu({ commands: _actions.app.commands });
    for (const command of [COMMANDS.preview, COMMANDS.load, COMMANDS.download]) {
      this._menu.addItem({ command });
    }
    this._menu.addItem({ type: 'separator' });
    for (const command of [COMMANDS.inGalaxy, COMMANDS.copyName, COMMANDS.remove, COMMANDS.restore]) {
      this._menu.addItem({ command });
    }
  }

  protected render(): JSX.Element {
    return <Panel actions={this._actions} menu={this._menu} />;
  }

  handleEvent(event: Event): void {
    switch (event.type) {
      case 'lm-dragenter':
      case 'lm-dragover':
        this._over(event as Drag.Event);
        break;
      case 'lm-dragleave':
        this._mark(false);
        break;
      case 'lm-drop':
        this._dropFiles(event as Drag.Event);
        break;
      case 'dragover':
        this._overDesktop(event as DragEvent);
        break;
      case 'dragleave':
        this._mark(false);
        break;
      case 'drop':
        this._dropDesktop(event as DragEvent);
        break;
    }
  }

  protected onAfterAttach(message: Message): void {
    super.onAfterAttach(message);
    for (const type of EVENTS) {
      this.node.addEventListener(type, this);
    }
  }

  protected onBeforeDetach(message: Message): void {
    for (const type of EVENTS) {
      this.node.removeEventListener(type, this);
    }
    super.onBeforeDetach(message);
  }

  private _mark(isOver: boolean): void {
    this.toggleClass('nebulab-mod-drop', isOver);
  }

  private _over(event: Drag.Event): void {
    if (event.mimeData.hasData(FILES) && this._actions.model.history) {
      event.preventDefault();
      event.stopPropagation();
      event.dropAction = event.proposedAction;
      this._mark(true);
    }
  }

  private _dropFiles(event: Drag.Event): void {
    this._mark(false);
    if (event.mimeData.hasData(FILES)) {
      event.preventDefault();
      event.stopPropagation();
      // A copy: the file browser keeps its files.
      event.dropAction = 'copy';
      void this._actions.send(event.mimeData.getData(FILES) as string[]);
    }
  }

  private _overDesktop(event: DragEvent): void {
    if (event.dataTransfer?.types.includes('Files') && this._actions.model.history) {
      event.preventDefault();
      event.stopPropagation();
      event.dataTransfer.dropEffect = 'copy';
      this._mark(true);
    }
  }

  private _dropDesktop(event: DragEvent): void {
    this._mark(false);
    if (event.dataTransfer?.files.length) {
      event.preventDefault();
      event.stopPropagation();
      void this._actions.sendFromDesktop([...event.dataTransfer.files]);
    }
  }
}

const EVENTS = ['lm-dragenter', 'lm-dragover', 'lm-dragleave', 'lm-drop', 'dragover', 'dragleave', 'drop'];

function Panel({ actions, menu }: { actions: Actions; menu: Menu }): JSX.Element {
  const { model, trans } = actions;
  useChanges(model);
  if (model.status === 'unconnected') {
    return <Unconnected trans={trans} />;
  }
  return (
    <>
      <Head actions={actions} />
      <Body actions={actions} menu={menu} />
      <Transfers model={model} trans={trans} onOpen={path => actions.open(path)} />
    </>
  );
}

/** Render again when the model changes. */
function useChanges(model: Model): void {
  const [, again] = useReducer((count: number) => count + 1, 0);
  useEffect(() => {
    model.changed.connect(again);
    model.transfersChanged.connect(again);
    return () => {
      model.changed.disconnect(again);
      model.transfersChanged.disconnect(again);
    };
  }, [model]);
}

function Head({ actions }: { actions: Actions }): JSX.Element {
  const { model, trans } = actions;
  const files = useRef<HTMLInputElement>(null);
  const [search, setSearch] = useState('');
  const typing = useRef(0);

  useEffect(() => setSearch(''), [model.history?.id]);
  const onSearch = (text: string): void => {
    setSearch(text);
    window.clearTimeout(typing.current);
    typing.current = window.setTimeout(() => void model.search({ search: text }), TYPING_MS);
  };

  return (
    <div className="nebulab-galaxy-head">
      <div className="nebulab-galaxy-line">
        <Histories model={model} trans={trans} onNew={() => void actions.newHistory()} />
        <button
          aria-label={trans.__('Upload files from this computer')}
          title={trans.__('Upload files from this computer; or drag files here')}
          disabled={!model.history}
          onClick={() => files.current?.click()}
        >
          <fileUploadIcon.react tag="span" width="16px" height="16px" />
        </button>
        <button
          aria-label={trans.__('Load the history anew')}
          title={trans.__('Load the history anew')}
          onClick={() => void model.tryAgain()}
        >
          <refreshIcon.react tag="span" width="16px" height="16px" />
        </button>
        <input
          ref={files}
          type="file"
          multiple
          hidden
          aria-hidden="true"
          onChange={event => {
            void actions.sendFromDesktop([...(event.target.files ?? [])]);
            event.target.value = '';
          }}
        />
      </div>
      <input
        className="jp-mod-styled"
        type="search"
        aria-label={trans.__('Search this history')}
        placeholder={trans.__('Search: name, #tag, ext:csv')}
        value={search}
        onChange={event => onSearch(event.target.value)}
      />
      <div className="nebulab-galaxy-line nebulab-galaxy-filter">
        <label>
          <input
            type="checkbox"
            checked={model.filter.deleted}
            onChange={event => void model.search({ deleted: event.target.checked, hidden: false })}
          />
          {trans.__('Deleted')}
        </label>
        <label>
          <input
            type="checkbox"
            checked={model.filter.hidden}
            onChange={event => void model.search({ hidden: event.target.checked, deleted: false })}
          />
          {trans.__('Hidden')}
        </label>
        <span role="status" aria-live="polite">
          {model.status === 'ready' ? trans._n('%1 item', '%1 items', model.total, model.total.toLocaleString()) : ''}
          {model.status === 'loading' ? trans.__('Loading…') : ''}
        </span>
      </div>
    </div>
  );
}

function Body({ actions, menu }: { actions: Actions; menu: Menu }): JSX.Element {
  const { model, trans } = actions;
  const isEmpty = model.status === 'ready' && model.total === 0;
  return (
    <>
      {(model.status === 'away' || model.status === 'failed') && (
        <div className="nebulab-galaxy-notice" role="alert">
          <p>
            {model.status === 'away'
              ? trans.__('Galaxy does not answer. Your work here goes on, and the panel comes back by itself.')
              : model.error}
          </p>
          <button className="jp-Dialog-button jp-mod-styled jp-mod-accept" onClick={() => void model.tryAgain()}>
            {trans.__('Try again')}
          </button>
        </div>
      )}
      {isEmpty ? (
        <Empty actions={actions} />
      ) : (
        <List
          model={model}
          trans={trans}
          onSelect={items => {
            actions.selected = items;
          }}
          onOpen={item => void actions.app.commands.execute(COMMANDS.preview, { id: item.id })}
          onDelete={items => {
            const there = items.filter(item => !item.deleted && item.hid !== null);
            if (there.length) {
              void actions.remove(there);
            }
          }}
          onMenu={(x, y) => menu.open(x, y)}
          onDrag={(event, items) =>
            dragOnceMoved(
              event,
              items.length === 1 ? items[0].name : trans.__('%1 items', items.length),
              () => items.flatMap(item => (item.load && !item.deleted ? [item.load] : [])),
              actions.notebooks
            )
          }
        />
      )}
    </>
  );
}

function Empty({ actions }: { actions: Actions }): JSX.Element {
  const { model, trans } = actions;
  const { search, deleted, hidden } = model.filter;
  let text = trans.__(
    'This history is empty. Drag files here to upload them, or put them from a notebook: put("file").'
  );
  if (!model.history) {
    text = trans.__('You have no history yet.');
  } else if (search) {
    text = trans.__('Nothing here has such a name, number or tag.');
  } else if (deleted) {
    text = trans.__('Nothing in this history is deleted.');
  } else if (hidden) {
    text = trans.__('Nothing in this history is hidden.');
  }
  return (
    <div className="nebulab-galaxy-empty">
      <p>{text}</p>
      {!model.history && (
        <button className="jp-Dialog-button jp-mod-styled jp-mod-accept" onClick={() => void actions.newHistory()}>
          {trans.__('New history…')}
        </button>
      )}
    </div>
  );
}

function Unconnected({ trans }: { trans: TranslationBundle }): JSX.Element {
  return (
    <div className="nebulab-galaxy-empty">
      <h3>{trans.__('No Galaxy yet')}</h3>
      <p>{trans.__('This Lab runs without a Galaxy. To see your histories here, end it and start it again with:')}</p>
      <pre>{DOCUMENTATION}</pre>
      <p>{trans.__('or with the address of your own Galaxy. It asks for your API key, once.')}</p>
    </div>
  );
}
