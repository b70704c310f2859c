/** What `etherloom up` and the process that it starts say to each other, until the session is up or `up` leaves. */

import type { ClientEvent } from '../../engine/client/options.ts';
import type { ConnectSubject } from '../connect-report.ts';
import type { ExitName } from '../exit-codes.ts';

export type ToChild =
  | {
      readonly kind: 'go';
      /** The variables with secrets, which are not in its environment: everybody who may look at that could read them for as long as it runs. */
      readonly secrets: Readonly<Record<string, string>>;
      /** Whether there is a person to ask. */
      readonly interactive: boolean;
      readonly log: string;
      readonly record: string;
    }
  /** `text` is base64, or `yes` or `no`; absent: the question was refused. */
  | { readonly kind: 'answer'; readonly question: number; readonly text?: string };

export type ToParent =
  /** It listens: what is sent from now on is not lost. */
  | { readonly kind: 'ready' }
  | { readonly kind: 'ask'; readonly question: number; readonly what: 'hidden' | 'yesNo'; readonly text: string }
  | { readonly kind: 'started'; readonly subject: ConnectSubject; readonly control: string | null }
  | { readonly kind: 'event'; readonly event: ClientEvent }
  | {
      readonly kind: 'failed';
      readonly failure: { readonly exit: ExitName; readonly message: string; readonly hint?: string };
    };
