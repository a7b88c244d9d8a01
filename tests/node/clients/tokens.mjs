// Tokens with the client credentials grant, from openid-client 5 and 6.

import { Issuer } from "openid-client";
import * as openid from "openid-client-6";

export async function five({ issuer, id, secret, audience }) {
  const { Client } = await Issuer.discover(issuer);
  const client = new Client({ client_id: id, client_secret: secret });
  const tokens = await client.grant({ grant_type: "client_credentials", audience });
  return tokens.access_token;
}

export async function six({ issuer, id, secret, audience }) {
  const insecure = { execute: [openid.allowInsecureRequests] }; // the issuer of the tests uses http
  const configuration = await openid.discovery(new URL(issuer), id, secret, undefined, insecure);
  const tokens = await openid.clientCredentialsGrant(configuration, { audience });
  return tokens.access_token;
}
