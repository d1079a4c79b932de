"""Learns three statements from a node, asks a question, finds a path: python client.py [HOST:PORT]"""
import socket, struct, sys
import msgpack  # from PyPI

host, port = (sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1:50051").rsplit(":", 1)
node = socket.create_connection((host, int(port))).makefile("rwb")

def call(name, **fields):
    payload = msgpack.packb({name: fields})
    node.write(struct.pack(">I", len(payload)) + payload)
    node.flush()
    reply = msgpack.unpackb(node.read(*struct.unpack(">I", node.read(4))))
    return reply[name + "Ok"] if "Error" not in reply else sys.exit(f"{name}: {reply['Error']['message']}")

kind = {"type": "hierarchical", "label": "is_a"}
pump = call("LearnConceptV2", content="Infusomat P7: the pump of bed 12", associations=[{"target_content": "syringe driver", **kind}])
driver = call("LearnConceptV2", content="syringe driver", associations=[{"target_content": "class IIb device", **kind}])
device = call("LearnConceptV2", content="class IIb device")

answer = call("Reason", query="Is Infusomat P7 a class IIb device?")
print(answer["answer"], f"(confidence {answer['confidence']:.2f})")
found = call("FindPath", start_id=pump["concept_id"], end_id=device["concept_id"])
path = [call("QueryConcept", concept_id=id)["content"] for id in found["path"]]
print(" -> ".join(path))
sys.exit(0 if answer["known"] and path == ["Infusomat P7: the pump of bed 12", "syringe driver", "class IIb device"] else "it is not what was learned")
