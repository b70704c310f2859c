import { linkSnapshot, sessionSnapshot, withBlock } from '../admin/snapshot.ts';
import type { CascadeStatus, PortStatus } from '../admin/status.ts';
import { LoginTemplate } from '../client/login.ts';
import type { ClientEvent } from '../client/options.ts';
import { Uplink } from '../client/uplink.ts';
import { COMPRESSION_WARNING } from '../codec/warning.ts';
import { formatServer } from '../config/server-address.ts';
import type { PriorityRule } from '../core.ts';
import type { Hub } from '../hub/hub.ts';
import { checkLogin, wipeCredential } from '../login/client-login.ts';
import type { Node } from '../node.ts';
import { PRODUCT } from '../product.ts';
import {
  CASCADE_ATTEMPTS,
  CASCADE_RECONNECT_MS,
  type CascadeOptions,
  type LinkOptions,
  type RemoteCascadeOptions,
} from './options.ts';

/** The name of a cascade in access lists (`protocol/control-plane.md` §9). */
const CASCADE_USER = 'Cascade';

/** A hub's way to another hub. It never stops by itself: what goes wrong is shown, and tried again. */
export interface Cascade {
  readonly name: string;
  setOnline(online: boolean): void;
  /** The machine woke up, or its addresses have changed. */
  handleWake(now: number, addresses: readonly string[] | undefined): void;
  end(cause: string): void;
  status(): CascadeStatus;
}

/** What a cascade stands in. */
export interface CascadeContext {
  readonly node: Node;
  readonly hub: Hub;
  /** The hub of this server that has this name. */
  readonly find: (name: string) => Hub | undefined;
  readonly priorityRule: PriorityRule;
}

/**
 * A cascade that is off; `setOnline` brings it up. Throws a `RangeError` for names and passwords that no server would take,
 * and for a link to a hub that is not there.
 */
export function createCascade(context: CascadeContext, options: CascadeOptions): Cascade {
  return options.kind === 'link' ? new Link(context, options) : new Remote(context, options);
}

/** A session with a hub elsewhere, as a port of this one (`protocol/control-plane.md` §9, `protocol/data-plane.md` §6.10). */
class Remote implements Cascade {
  readonly name: string;
  readonly #context: CascadeContext;
  readonly #options: RemoteCascadeOptions;
  readonly #login: LoginTemplate;
  #uplink: Uplink | undefined;
  /** What was said last of what goes wrong: the same again is no news. */
  #said: string | undefined;

  constructor(context: CascadeContext, options: RemoteCascadeOptions) {
    this.name = options.name;
    this.#context = context;
    this.#options = options;
    const { host, core, crypto } = context.node;
    const settings = { ...options, qos: true, bridge: true, cascade: true };
    this.#login = new LoginTemplate(settings, host.runtime, host.random, core, crypto.sha0);
    const login = this.#login.make();
    try {
      checkLogin(login, PRODUCT);
    } finally {
      wipeCredential(login.credential);
    }
  }

  setOnline(online: boolean): void {
    if (!online) return this.end('taken offline on request');
    if (this.#uplink !== undefined) return;
    const { node, hub } = this.#context;
    const options = {
      ...this.#options,
      reconnectMs: CASCADE_RECONNECT_MS,
      reconnectAttempts: CASCADE_ATTEMPTS,
      // Also an answer that will not change by itself: an administrator may change the other server.
      stubborn: true,
      portChanged: (port: number, open: boolean) => this.#handlePort(port, open),
    };
    this.#said = undefined;
    this.#uplink = new Uplink(
      node,
      hub.number,
      options,
      this.#login,
      (event) => this.#handleEvent(event),
      () => {},
    );
    this.#uplink.start();
  }

  handleWake(now: number, addresses: readonly string[] | undefined): void {
    this.#uplink?.handleWake(now, addresses);
  }

  end(cause: string): void {
    const uplink = this.#uplink;
    if (uplink === undefined) return;
    this.#uplink = undefined;
    uplink.end(cause);
    this.#log('info', 'cascade offline', { cause });
  }

  status(): CascadeStatus {
    const { host, port, hub, user } = this.#options;
    const uplink = this.#uplink;
    const state = uplink === undefined || uplink.state === 'ended' ? 'offline' : uplink.state;
    const lastError = uplink?.lastError;
    return {
      name: this.name,
      kind: 'session',
      state,
      server: formatServer({ host, port }),
      hub,
      user,
      attempts: uplink?.attempts ?? 0,
      ...(lastError === undefined ? {} : { lastError }),
      ...(uplink?.membership === undefined ? {} : { port: this.#port(uplink.membership) }),
    };
  }

  #port({ session, welcome, since }: NonNullable<Uplink['membership']>): PortStatus {
    const { node, hub } = this.#context;
    const about = {
      name: welcome.sessionName,
      user: this.#options.user,
      since,
      encrypted: welcome.useEncrypt,
      compressed: welcome.useCompress,
    };
    return withBlock(sessionSnapshot(node, session, about), hub.guard, session.port);
  }

  #handlePort(port: number, open: boolean): void {
    const { node, hub } = this.#context;
    if (!open) return hub.guard.remove(port);
    node.core.setPolicy(port, this.#options.policy, node.now(), { user: CASCADE_USER });
    hub.guard.add(port, 'cascade', this.name);
  }

  #handleEvent(event: ClientEvent): void {
    switch (event.kind) {
      case 'connecting':
        return this.#log('debug', 'cascade connects', { attempt: event.attempt });
      case 'established': {
        this.#said = undefined;
        const { session, server, protocol, cipher, compressed } = event;
        this.#log('info', 'cascade established', { session, product: server, protocol, cipher, compressed });
        if (compressed) this.#log('warn', COMPRESSION_WARNING, {});
        return;
      }
      case 'interrupted':
        return this.#log('warn', 'cascade interrupted', { cause: event.cause });
      case 'resumed':
        return this.#log('info', 'cascade resumed', {});
      case 'lost': {
        const again = event.cause === this.#said;
        this.#said = event.cause;
        this.#log(again ? 'debug' : 'warn', 'cascade is down', {
          cause: event.cause,
          retrySeconds: event.retryMs / 1000,
        });
        return;
      }
    }
  }

  #log(level: 'debug' | 'info' | 'warn', message: string, fields: Readonly<Record<string, unknown>>): void {
    const { node, hub } = this.#context;
    const { host, port } = this.#options;
    node.log(level, message, { hub: hub.name, cascade: this.name, server: formatServer({ host, port }), ...fields });
  }
}

/** Two hubs of this server: what enters one of the ports leaves by the other, without leaving the core. */
class Link implements Cascade {
  readonly name: string;
  readonly #context: CascadeContext;
  readonly #far: Hub;
  #ports: readonly [near: number, far: number] | undefined;
  #since = 0;

  constructor(context: CascadeContext, options: LinkOptions) {
    const far = context.find(options.hub);
    if (far === undefined || far === context.hub) {
      throw new RangeError(`cascade ${options.name}: hub: expected another hub of this server, got ${options.hub}`);
    }
    this.name = options.name;
    this.#context = context;
    this.#far = far;
  }

  setOnline(online: boolean): void {
    if (!online) return this.end('taken offline on request');
    if (this.#ports !== undefined) return;
    const { node, hub, priorityRule } = this.#context;
    const far = this.#far;
    this.#ports = node.core.openLink(hub.number, far.number, { priorityRule });
    this.#since = node.host.clock.utc();
    node.plane.countLinks(1);
    const farName = `${hub.name}/${this.name}`;
    far.farEnds.set(this, () => this.#end(1, farName, hub.name));
    hub.guard.add(this.#ports[0], 'link', this.name);
    far.guard.add(this.#ports[1], 'link', farName);
    node.log('info', 'hubs are linked', { hub: hub.name, cascade: this.name, to: far.name });
  }

  handleWake(): void {}

  end(cause: string): void {
    if (this.#ports === undefined) return;
    const [near, far] = this.#ports;
    const { node, hub } = this.#context;
    this.#ports = undefined;
    this.#far.farEnds.delete(this);
    hub.guard.remove(near);
    this.#far.guard.remove(far);
    node.plane.countLinks(-1);
    node.core.closePort(near);
    node.core.closePort(far);
    node.log('info', 'hubs are linked no more', { hub: hub.name, cascade: this.name, to: this.#far.name, cause });
  }

  status(): CascadeStatus {
    if (this.#ports !== undefined) return this.#end(0, this.name, this.#far.name);
    return { name: this.name, kind: 'link', state: 'offline', hub: this.#far.name, attempts: 0 };
  }

  #end(end: 0 | 1, name: string, other: string): CascadeStatus {
    const { node, hub } = this.#context;
    const port = this.#ports![end];
    const { guard } = end === 0 ? hub : this.#far;
    const status = withBlock(linkSnapshot(node, port, name, this.#since), guard, port);
    return { name, kind: 'link', state: 'established', hub: other, attempts: 0, port: status };
  }
}
