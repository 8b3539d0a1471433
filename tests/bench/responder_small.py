import asyncio, sys
import uvloop
from orders import say
from guestwire.link import mqtt5
from guestwire.link.serve import Server
from guestwire.link.session import Session
from guestwire.link.transport import *
from guestwire.protocol import topics
from guestwire.protocol.executor import *
from guestwire.protocol.operations import BY_NAME
from guestwire.protocol.signing import SigningKey
from guestwire.protocol.trust import *
from guestwire.protocol import operation_models as m
from guestwire.link.clock import now
class HostPeer:
    def __init__(s,server,port): s.server=server; s.port=port; s.session=Session(s,mqtt5.connect)
    async def connecting(s,a): return Options("127.0.0.1",s.port,"host-1")
    def subscriptions(s): return [Subscription(topics.topic_filter("request",site="plant",host="host-1"))]
    async def up(s,t): pass
    def down(s,e,n): print("down",e)
    def receive(s,msg):
        t=topics.parse(msg.topic)
        s.server.receive(Inbound(msg.payload,t["client"],t["operation"],msg.retain,None,s),msg.ack)
    def answer(s,send):
        t=topics.make("response","plant",send.client,"host-1")
        for f in send.frames: s.session.send(t,f)
class Aud:
    def refused(s,*a,**k): print("refused",a,k)
    def defect(s,*a): print("defect",a)
async def main():
    ex=Executor("plant","host-1",BY_NAME,Trust(TrustDocument(site="plant",rev=1,issued_at=0,signers=())),SigningKey.generate())
    async with Server(ex,{"host-ping":lambda c: m.Pong(payload=c.request.payload,now=now().wall_ms,epoch=1)},None,Aud()) as srv:
        peer=HostPeer(srv,int(sys.argv[1]))
        async with peer.session:
            await peer.session.connected(5)
            say(ready=True)
            await asyncio.Event().wait()
import os
if os.environ.get("PROF"):
    import cProfile,pstats,signal
    pr=cProfile.Profile()
    async def timed():
        await asyncio.wait([asyncio.create_task(main())],timeout=float(os.environ["PROF"]))
    pr.enable(); uvloop.run(timed()); pr.disable(); pstats.Stats(pr,stream=sys.stderr).sort_stats("tottime").print_stats(30)
else: uvloop.run(main())
