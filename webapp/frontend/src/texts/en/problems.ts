export const problems = {
  offline:
    "The server can't be reached. Check the network; what you did here is kept and sent when it is back.",
  signedOut: "You are signed out. Sign in again; nothing that you drew is lost.",
  unexpected: (status: number) =>
    `The server answered in an unexpected way (${status}). Try again in a minute.`,
};
