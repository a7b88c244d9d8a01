"""A WebSocket client for providers that echo messages."""

import aiohttp


async def echoes(url, headers, messages):
    """Send the messages one by one and return the replies."""
    async with aiohttp.ClientSession() as session, session.ws_connect(url, headers=headers) as socket:
        replies = []
        for message in messages:
            await socket.send_str(message)
            replies.append(await socket.receive_str(timeout=10))
        return replies
