// @slack/web-api without Bolt. Only the API's base URL and the token are the sandbox's.

import { WebClient } from "@slack/web-api";
import { API } from "./people.mjs";

export const web = (token = "xoxb-sandbox", options = {}) => new WebClient(token, { slackApiUrl: API, logLevel: "error", ...options });
