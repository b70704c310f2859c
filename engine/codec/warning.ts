/** What there is to know of a session that compresses before it encrypts, for logs and terminals. */
export const COMPRESSION_WARNING =
  'compression is on: the length of what is compressed tells something of what is in it, also through encryption; who ' +
  'can have chosen bytes sent through the tunnel, as a web page can, may find out secrets that travel with them (VORACLE)';
