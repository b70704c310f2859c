/** The plain texts of RFC 8439's vectors. */

/** §2.4.2 and §2.8.2. */
export const SUNSCREEN =
  "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it.";

/** Appendix A.2 and A.3. */
export const SUBMISSION = [
  'Any submission to the IETF intended by the Contributor for publication as all or part of an IETF Internet-Draft or ',
  'RFC and any statement made within the context of an IETF activity is considered an "IETF Contribution". Such ',
  'statements include oral statements in IETF sessions, as well as written and electronic communications made at any ',
  'time or place, which are addressed to',
].join('');

/** Appendix A.2 and A.3. */
export const JABBERWOCKY = [
  "'Twas brillig, and the slithy toves",
  'Did gyre and gimble in the wabe:',
  'All mimsy were the borogoves,',
  'And the mome raths outgrabe.',
].join('\n');

/** Appendix A.5, with its strange quotation marks. */
export const DRAFTS = [
  'Internet-Drafts are draft documents valid for a maximum of six months and may be updated, replaced, or obsoleted by ',
  'other documents at any time. It is inappropriate to use Internet-Drafts as reference material or to cite them other ',
  'than as /\u201cwork in progress./\u201d',
].join('');
