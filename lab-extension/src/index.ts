/** The plugins that Nebulab adds to JupyterLab's page, one folder a subject. */
import type { JupyterFrontEndPlugin } from '@jupyterlab/application';

import galaxy from './galaxy';
import session from './session';

const plugins: JupyterFrontEndPlugin<unknown>[] = [session, galaxy];

export default plugins;
