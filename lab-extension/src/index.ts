/** The plugins that Nebulab adds to JupyterLab's page, one folder a subject. */
import type { JupyterFrontEndPlugin } from '@jupyterlab/application';

import apps from './apps';
import session from './session';

const plugins: JupyterFrontEndPlugin<unknown>[] = [session, apps];

export default plugins;
