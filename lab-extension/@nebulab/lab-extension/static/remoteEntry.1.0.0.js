// The page's part of a Galaxy session: documents saved as they change, a warning before an idle session ends, its
// messages, the time that is left, and its end.
//
// Written by hand as the container that JupyterLab's module federation expects (`init`, `get`), so that it needs no
// build and no node; JupyterLab's own modules come from the share scope that `init` receives.
(() => {
  'use strict';

  const NAME = '@nebulab/lab-extension';
  const POLL_MILLISECONDS = 30000;
  const RETRY_MILLISECONDS = 3000;
  // As nebulab.session.lab.tabs names the event by which every tab is asked to save.
  const SAVE_EVENT = 'urn:nebulab:save';
  const SAVE_AFTER_MILLISECONDS = 200;
  // A session that is stopped in Galaxy can't be reached any more: what was typed has to be there by then.
  const SAVE_TYPED_MILLISECONDS = 1000;
  // A document may be written one part in so many of the time.
  const SAVE_SHARE = 10;
  // As long as the session waits at most, less the way there and back.
  const SAVE_ALL_MILLISECONDS = 9000;
  // What is longer JupyterLab cuts, in the list of notifications too.
  const LONGEST_NOTICE = 140;
  // When a kernel has died the session may see the reason up to a second later than JupyterLab sees the death.
  const ASK_AGAIN_MILLISECONDS = [0, 1000, 2500];
  let shareScope = null;

  /** Return a module that JupyterLab shares; each of those used here exists once on the page. */
  async function shared(name) {
    const versions = Object.values(shareScope[name] ?? {});
    if (versions.length === 0) {
      throw new Error(`JupyterLab shares no ${name}`);
    }
    const chosen = versions.find(version => version.loaded) ?? versions[0];
    return (await chosen.get())();
  }

  /** Return the time left in words: minutes, and seconds within the last minute. */
  function inWords(seconds) {
    const whole = Math.max(0, Math.round(seconds));
    return whole < 60 ? `${whole} s` : `${Math.floor(whole / 60)} min`;
  }

  /** Return the sentences at the beginning of `text` that fit into a notification, all of it if it does. */
  function headline(text) {
    if (text.length <= LONGEST_NOTICE) {
      return text;
    }
    const sentences = text.slice(0, LONGEST_NOTICE).match(/^[^]*[.!?](?=\s)/);
    return sentences ? sentences[0] : text.slice(0, LONGEST_NOTICE - 2).replace(/\s+\S*$/, '') + ' …';
  }

  /** Asks the server's extension about the session. */
  class Session {
    constructor(ServerConnection, URLExt, settings) {
      this._connection = ServerConnection;
      this._settings = settings;
      this._url = URLExt.join(settings.baseUrl, 'nebulab', 'session');
      // crypto.randomUUID is there in secure contexts alone, which a proxy's address by http is none.
      this.tab = Array.from(crypto.getRandomValues(new Uint8Array(16)), byte => byte.toString(16).padStart(2, '0')).join('');
    }

    async status() {
      return this._ask(`?tab=${this.tab}`, { method: 'GET' });
    }

    async extend() {
      return this._ask('', { method: 'POST' });
    }

    /** Tell that this tab has saved all but `unsaved` documents, as `request` asked it to. */
    async saved(request, unsaved) {
      const body = JSON.stringify({ tab: this.tab, request, unsaved });
      await this._ask('/../saved', { method: 'POST', body });
    }

    /** Return the names that the history does not get when the session ends. */
    async notKept() {
      return this._ask('/../end', { method: 'GET' });
    }

    async end() {
      return this._ask('/../end', { method: 'POST' });
    }

    async _ask(what, init) {
      const answer = await this._connection.makeRequest(new URL(this._url + what).href, init, this._settings);
      if (answer.status === 204) {
        return null; // this JupyterLab has no session around it
      }
      if (!answer.ok) {
        throw Object.assign(new Error(`the session answered ${answer.status}`), { status: answer.status });
      }
      return answer.json();
    }
  }

  /**
   * Have each save and rename of a document wait for the one before it, and no save take for saved what came meanwhile.
   *
   * JupyterLab compares the file with what it saved last, and takes its own save that is still on its way for a change
   * by somebody else: it would ask whether to overwrite. And it calls a document saved once the answer comes, also what was typed after the text had been sent.
   */
  function oneAtATime(Context) {
    const last = new WeakMap();
    const inTurn = (context, act) => {
      const done = (last.get(context) ?? Promise.resolve()).then(act);
      last.set(
        context,
        done.catch(() => undefined)
      );
      return done;
    };
    const { save, rename } = Context.prototype;
    Context.prototype.save = function (...args) {
      return inTurn(this, async () => {
        const model = this.model;
        let changed = false;
        const note = () => {
          changed = true;
        };
        await this.ready;
        const saving = save.apply(this, args);
        model.contentChanged.connect(note);
        try {
          await saving;
        } finally {
          model.contentChanged.disconnect(note);
        }
        if (changed && !this.isDisposed) {
          model.dirty = true;
        }
      });
    };
    Context.prototype.rename = function (...args) {
      return inTurn(this, () => rename.apply(this, args));
    };
  }

  /** Saves documents: as somebody types, a notebook when a cell has run, all of them when the session asks for it. */
  class Saving {
    constructor(docManager, shell) {
      this._docManager = docManager;
      this._shell = shell;
      this._waiting = new Map();
      this._typed = new Map();
    }

    /** Save a widget's document a moment after each change by its user; a running cell's output is in less of a hurry. */
    follow(widget) {
      const context = widget.context;
      const later = () => {
        this._typed.delete(context);
        this.soon(context);
      };
      const typed = () => {
        if (!this._typed.has(context)) {
          this._typed.set(context, setTimeout(later, SAVE_TYPED_MILLISECONDS));
        }
      };
      widget.node.addEventListener('input', typed);
      context.model.contentChanged.connect(() => {
        if (widget.sessionContext?.session?.kernel?.status !== 'busy') {
          typed();
        }
      });
    }

    /** Save the document of `context` soon; of many wishes in a short time one counts. */
    soon(context) {
      if (this._waiting.has(context)) {
        this._waiting.set(context, true);
        return;
      }
      this._waiting.set(context, false);
      setTimeout(() => void this._saveWaiting(context), SAVE_AFTER_MILLISECONDS);
    }

    async _saveWaiting(context) {
      this._waiting.set(context, false);
      const began = performance.now();
      await this._save(context);
      const pause = Math.max(SAVE_AFTER_MILLISECONDS, SAVE_SHARE * (performance.now() - began));
      setTimeout(() => {
        const again = this._waiting.get(context);
        this._waiting.delete(context);
        if (again) {
          this.soon(context);
        }
      }, pause);
    }

    /** Save every document that was changed, and return how many could not be saved in time. */
    async all() {
      const contexts = new Set();
      for (const area of ['main', 'left', 'right', 'down']) {
        for (const widget of this._shell.widgets(area)) {
          const context = this._docManager.contextForWidget(widget);
          if (context) {
            contexts.add(context);
          }
        }
      }
      // One that JupyterLab asks the user about may wait for ever.
      const late = new Promise(resolve => setTimeout(() => resolve(false), SAVE_ALL_MILLISECONDS));
      const saved = await Promise.all([...contexts].map(context => Promise.race([this._save(context), late])));
      return saved.filter(well => !well).length;
    }

    async _save(context) {
      const model = context.model;
      if (context.isDisposed || !model.dirty || model.readOnly || model.collaborative) {
        return true;
      }
      if (context.contentsModel && !context.contentsModel.writable) {
        return false;
      }
      try {
        await context.save();
        return !model.dirty;
      } catch {
        return false; // JupyterLab itself tells why
      }
    }
  }

  /** The session's end: this page asks for nothing any more, and says so once. */
  class Ending {
    constructor(apputils, manager) {
      this._apputils = apputils;
      this._manager = manager;
      this.isOver = false;
      this.keptIn = 'history';
    }

    /** Say where the user's work is, or will be. */
    get kept() {
      return this.keptIn === 'folder'
        ? 'Your notebooks and files stay in your folder.'
        : 'Your notebooks and the files in outputs/ are kept in the Galaxy history.';
    }

    /** Show that the session is over; `unsaved` documents are on this page alone. */
    tell(unsaved = 0) {
      if (this.isOver) {
        return;
      }
      this.isOver = true;
      this._silence();
      const { Dialog, showDialog } = this._apputils;
      Dialog.flush();
      const lost =
        unsaved === 1
          ? ' One document could not be saved any more: copy from this page what you need of it.'
          : ` ${unsaved} documents could not be saved any more: copy from this page what you need of them.`;
      void showDialog({
        title: 'This session has ended',
        body: this.kept + (unsaved ? lost : ' You can close this tab.'),
        buttons: [Dialog.okButton({ label: 'OK' })]
      });
    }

    /** JupyterLab would go on asking a server that is gone, many times a second, and tell each failure in a dialog. */
    _silence() {
      const never = () => new Promise(() => undefined);
      const manager = this._manager;
      const parts = [manager, manager.contents, manager.contents.defaultDrive, manager.kernels, manager.sessions];
      const further = [manager.terminals, manager.events, manager.kernelspecs, manager.settings, manager.workspaces];
      for (const part of [...parts, ...further]) {
        const settings = part?.serverSettings;
        if (settings) {
          settings.fetch = never;
          settings.WebSocket = NoSocket;
        }
      }
    }
  }

  /** A websocket that never connects. */
  class NoSocket {
    constructor() {
      this.readyState = 0;
    }

    addEventListener() {}
    removeEventListener() {}
    send() {}
    close() {}
  }

  /** What the user sees: one warning, one notification a message, an item in the status bar. */
  class Display {
    constructor(apputils, session) {
      this._apputils = apputils;
      this._notification = apputils.Notification;
      this._session = session;
      this._warning = null;
      this._told = new Map();
      this.onTimeLeft = () => undefined;
    }

    show(status) {
      const messages = status.messages ?? [];
      for (const message of messages) {
        this._tell(message);
      }
      this._takeBack(messages);
      const left = status.ends_in_seconds;
      this.onTimeLeft(left);
      if (left === null || left === undefined) {
        this._clear();
      } else {
        this._warn(left);
      }
    }

    _tell(message) {
      const key = this._key(message);
      if (!this._told.has(key)) {
        this._told.set(key, this._notify('warning', message.text, { autoClose: false }));
      }
    }

    /** Show a notification; what is too long for one is whole in a dialog behind its button. */
    _notify(kind, text, options = {}) {
      const head = headline(text);
      const actions = options.actions ?? [];
      if (head !== text) {
        const readAll = event => {
          event.preventDefault(); // the notification stays
          void this._readAll(text);
        };
        actions.unshift({ label: 'Read all', caption: text, displayType: 'accent', callback: readAll });
      }
      return this._notification[kind](head, { ...options, actions });
    }

    async _readAll(text) {
      const { Dialog, showDialog } = this._apputils;
      await showDialog({ title: 'A message of this session', body: text, buttons: [Dialog.okButton({ label: 'OK' })] });
    }

    /** Close what is true no longer: the session does not tell it any more. */
    _takeBack(messages) {
      const keys = new Set(messages.map(message => this._key(message)));
      for (const [key, id] of this._told) {
        if (!keys.has(key)) {
          this._told.delete(key);
          this._notification.dismiss(id);
        }
      }
    }

    _key(message) {
      return `${message.time} ${message.text}`;
    }

    _warn(left) {
      const text =
        `No cell has run for a while: this session ends in ${inWords(left)}. ` +
        'Your notebooks and outputs/ are kept in the history.';
      if (this._warning !== null && this._notification.manager.has(this._warning)) {
        this._notification.update({ id: this._warning, message: text });
        return;
      }
      if (this._warning !== null && !this._isUrgent(left)) {
        return; // the user has closed it, and it is not the last minute
      }
      this._warning = this._notify('warning', text, {
        autoClose: false,
        actions: [{ label: 'Keep it running', displayType: 'accent', callback: () => void this._extend() }]
      });
    }

    fail(text) {
      this._notify('error', text, { autoClose: false });
    }

    _isUrgent(left) {
      return left <= 60;
    }

    _clear() {
      if (this._warning !== null) {
        this._notification.dismiss(this._warning);
        this._warning = null;
      }
    }

    async _extend() {
      try {
        const status = await this._session.extend();
        this._clear();
        this._notification.success('The session keeps running.', { autoClose: 5000 });
        if (status !== null) {
          this.show(status);
        }
      } catch (error) {
        this._warning = null;
        this._notify('error', `The session could not be kept: ${error.message}. Run a cell to keep it.`);
      }
    }
  }

  /** Put the time that is left into the status bar, when it matters. */
  async function addStatusItem(statusBar, display) {
    const { Widget } = await shared('@lumino/widgets');
    const { Signal } = await shared('@lumino/signaling');
    const item = new Widget();
    item.addClass('jp-nebulab-time-left');
    const changed = new Signal(item);
    let active = false;
    statusBar.registerStatusItem(`${NAME}:time-left`, {
      item,
      align: 'right',
      rank: 10,
      isActive: () => active,
      activeStateChanged: changed
    });
    display.onTimeLeft = left => {
      active = left !== null && left !== undefined;
      item.node.textContent = active ? `Session ends in ${inWords(left)}` : '';
      changed.emit(undefined);
    };
  }

  /** Ask twice a minute, and at once when the user comes back to the page; return what asks at once. */
  function poll(session, display, ending) {
    let timer = 0;
    let refused = 0;
    const round = async () => {
      clearTimeout(timer);
      let status;
      let pause = POLL_MILLISECONDS;
      try {
        status = await session.status();
        refused = 0;
      } catch (error) {
        status = undefined; // away for a while, of which JupyterLab itself tells, or over
        // The proxy answers for a session that is gone; the way in (401, 403) and Galaxy's restart (503) are no end.
        refused = [404, 410, 502].includes(error.status) ? refused + 1 : 0;
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
        display.show(status);
      }
      if (status !== null) {
        clearTimeout(timer); // of a round that was asked for meanwhile
        timer = setTimeout(() => void round(), pause);
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
  function explainDeaths(ask, tracker) {
    const watch = panel => {
      panel.sessionContext.statusChanged.connect((_, status) => {
        if (status === 'autorestarting' || status === 'dead') {
          for (const pause of ASK_AGAIN_MILLISECONDS) {
            setTimeout(ask, pause);
          }
        }
      });
    };
    tracker.forEach(watch);
    tracker.widgetAdded.connect((_, panel) => watch(panel));
  }

  /** Ask before the session is ended, naming what is not kept. */
  async function shutDown(apputils, session, display, ending) {
    const { Dialog, showDialog } = apputils;
    try {
      let lost = '';
      if (ending.keptIn !== 'folder') {
        const left = await session.notKept();
        const names = left.not_kept.join(', ') + (left.more ? `, and ${left.more} more` : '');
        lost = names && ` Not kept: ${names}. Copy what you need of it to outputs/ first.`;
      }
      const answer = await showDialog({
        title: 'End this session?',
        body: `All open documents are saved. ${ending.kept}${lost}`,
        buttons: [Dialog.cancelButton(), Dialog.warnButton({ label: 'End the session' })]
      });
      if (answer.button.accept) {
        await session.end();
      }
    } catch (error) {
      display.fail(`The session could not be ended: ${error.message}. Stop it in Galaxy, under Interactive Tools.`);
    }
  }

  /** Save notebooks and texts as they change, a notebook when a cell has run, everything when the session asks for it. */
  function save(app, saving, session, ending, NotebookActions, tracker, editors) {
    for (const open of [tracker, editors]) {
      open?.forEach(widget => saving.follow(widget));
      open?.widgetAdded.connect((_, widget) => saving.follow(widget));
    }
    NotebookActions.executed.connect((_, { notebook }) => {
      const panel = tracker.find(one => one.content === notebook);
      if (panel) {
        saving.soon(panel.context);
      }
    });
    app.serviceManager.events.stream.connect(async (_, event) => {
      if (event.schema_id !== SAVE_EVENT || ending.isOver) {
        return;
      }
      const unsaved = await saving.all();
      const answered = session.saved(event.request, unsaved).catch(() => undefined);
      if (event.ending) {
        await answered;
        ending.tell(unsaved);
      }
    });
    // Not awaited at the end, once it is closed.
    window.addEventListener('pagehide', () => void session.saved(undefined, 0).catch(() => undefined));
  }

  async function plugins() {
    const apputils = await shared('@jupyterlab/apputils');
    const { ServerConnection } = await shared('@jupyterlab/services');
    const { URLExt } = await shared('@jupyterlab/coreutils');
    const { IDocumentManager } = await shared('@jupyterlab/docmanager');
    const { Context } = await shared('@jupyterlab/docregistry');
    const { IEditorTracker } = await shared('@jupyterlab/fileeditor');
    const { IMainMenu } = await shared('@jupyterlab/mainmenu');
    const { INotebookTracker, NotebookActions } = await shared('@jupyterlab/notebook');
    const { IStatusBar } = await shared('@jupyterlab/statusbar');
    return {
      id: `${NAME}:session`,
      description: 'Saves documents, warns before an idle session ends, shows its messages and its end.',
      autoStart: true,
      requires: [IDocumentManager, INotebookTracker],
      optional: [IStatusBar, IMainMenu, IEditorTracker],
      activate: (app, docManager, tracker, statusBar, mainMenu, editors) => {
        const session = new Session(ServerConnection, URLExt, app.serviceManager.serverSettings);
        const display = new Display(apputils, session);
        const ending = new Ending(apputils, app.serviceManager);
        oneAtATime(Context);
        save(app, new Saving(docManager, app.shell), session, ending, NotebookActions, tracker, editors);
        app.commands.addCommand(`${NAME}:end`, {
          label: 'Shut Down…',
          caption: 'Save everything and end this session',
          execute: () => shutDown(apputils, session, display, ending)
        });
        mainMenu?.fileMenu.addGroup([{ command: `${NAME}:end` }], 1000);
        void app.restored.then(async () => {
          if (statusBar) {
            await addStatusItem(statusBar, display);
          }
          explainDeaths(poll(session, display, ending), tracker);
        });
      }
    };
  }

  window._JUPYTERLAB = window._JUPYTERLAB || {};
  window._JUPYTERLAB[NAME] = {
    init: scope => {
      shareScope = scope;
    },
    get: async module => {
      if (module !== './extension') {
        throw new Error(`${NAME} has no module ${module}`);
      }
      const plugin = await plugins();
      return () => ({ __esModule: true, default: plugin });
    }
  };
})();
