/** What a person does with items of the Galaxy panel: the commands of its menu, its toolbar and its keys. */
import type { JupyterFrontEnd } from '@jupyterlab/application';
import { Clipboard, Dialog, InputDialog, Notification, showDialog } from '@jupyterlab/apputils';
import { PathExt } from '@jupyterlab/coreutils';
import type { IDefaultFileBrowser } from '@jupyterlab/filebrowser';
import type { INotebookTracker } from '@jupyterlab/notebook';
import type { TranslationBundle } from '@jupyterlab/translation';

import { Refused } from '../server';
import type { IItem, IPreview } from './client';
import { insert } from './load';
import type { Model } from './model';
import { visible } from './words';

export const COMMANDS = {
  preview: 'nebulab:preview',
  load: 'nebulab:galaxy-load',
  download: 'nebulab:galaxy-download',
  remove: 'nebulab:galaxy-delete',
  restore: 'nebulab:galaxy-undelete',
  inGalaxy: 'nebulab:galaxy-open',
  copyName: 'nebulab:galaxy-copy-name',
  send: 'nebulab:galaxy-send'
};

export class Actions {
  /** The items that are selected in the panel. */
  selected: IItem[] = [];

  constructor(
    readonly app: JupyterFrontEnd,
    readonly model: Model,
    readonly trans: TranslationBundle,
    readonly notebooks: INotebookTracker,
    private readonly _browser: IDefaultFileBrowser | null
  ) {}

  /** Put the code that loads the items into the notebook in front. */
  async load(items: IItem[]): Promise<void> {
    const codes = items.map(item => item.load).filter(Boolean);
    if (codes.length) {
      await insert(this.app, this.notebooks, codes);
    }
  }

  /** The folder that the file browser shows. */
  get folder(): string {
    return this._browser ? this._local(this._browser.model.path) : '';
  }

  private _local(path: string): string {
    return this.app.serviceManager.contents.localPath(path);
  }

  async download(items: IItem[]): Promise<void> {
    const history = this.model.history;
    if (history && items.length) {
      await this._tell(this.model.client.download(history.id, items, this.folder));
    }
  }

  /** Upload files or folders of the working folder into the history that is shown. */
  async send(paths: string[]): Promise<void> {
    const history = this.model.history;
    if (!history || !paths.length) {
      return;
    }
    await this._tell(
      this.model.client.upload(
        history.id,
        paths.map(path => this._local(path))
      )
    );
  }

  /** Upload files of the person's own computer: into the working folder first, from there into the history. */
  async sendFromDesktop(files: File[]): Promise<void> {
    if (!this._browser) {
      return;
    }
    const paths: string[] = [];
    for (const file of files) {
      try {
        await this._browser.model.upload(file);
        paths.push(PathExt.join(this.folder, file.name));
      } catch (error) {
        const why = error instanceof Error ? error.message : `${error}`;
        Notification.error(this.trans.__('%1 was not uploaded: %2', file.name, why), { autoClose: false });
      }
    }
    await this.send(paths);
  }

  /** Upload what is selected in the file browser. */
  async sendSelected(): Promise<void> {
    await this.send([...(this._browser?.selectedItems() ?? [])].map(item => item.path));
  }

  async remove(items: IItem[]): Promise<void> {
    const names = items.length === 1 ? `“${visible(items[0].name)}”` : this.trans.__('%1 items', items.length);
    const asked = await showDialog({
      title: this.trans.__('Delete %1?', names),
      body: this.trans.__(
        'It goes to the deleted items of the history, from where it can be brought back until Galaxy purges it.'
      ),
      buttons: [Dialog.cancelButton(), Dialog.warnButton({ label: this.trans.__('Delete') })],
      defaultButton: 0
    });
    if (asked.button.accept) {
      await this._setDeleted(items, true);
    }
  }

  async restore(items: IItem[]): Promise<void> {
    await this._setDeleted(items, false);
  }

  private async _setDeleted(items: IItem[], deleted: boolean): Promise<void> {
    const history = this.model.history;
    if (!history) {
      return;
    }
    const answer = await this._tell(this.model.client.delete(history.id, items, deleted));
    if (answer?.errors.length) {
      Notification.error(answer.errors.join(' '), { autoClose: false });
    }
    this.model.refreshSoon();
  }

  openInGalaxy(item: IItem): void {
    const kind = item.kind === 'collection' ? `collection/${item.id}/edit` : `datasets/${item.id}`;
    window.open(`${this.model.url}/${kind}`, '_blank', 'noopener,noreferrer');
  }

  copyName(item: IItem): void {
    Clipboard.copyToSystem(item.name);
  }

  async newHistory(): Promise<void> {
    const asked = await InputDialog.getText({
      title: this.trans.__('New history'),
      label: this.trans.__('Its name'),
      okLabel: this.trans.__('Create')
    });
    if (asked.button.accept && asked.value?.trim()) {
      const made = await this._tell(this.model.client.createHistory(asked.value.trim()));
      if (made) {
        await this.model.show(made);
      }
    }
  }

  /** Open a file that was downloaded. */
  open(path: string): void {
    void this.app.commands.execute('docmanager:open', { path });
  }

  /** An item as the menu needs it, out of a preview. */
  fromPreview(preview: IPreview): IItem | undefined {
    return this.model.rows.find(row => row.item?.id === preview.id)?.item ?? undefined;
  }

  private async _tell<T>(asked: Promise<T>): Promise<T | undefined> {
    try {
      return await asked;
    } catch (error) {
      const hint = error instanceof Refused ? error.hint : '';
      Notification.error([(error as Error).message, hint].filter(Boolean).join(' '), { autoClose: false });
      return undefined;
    }
  }
}
