from segue import sync as sync
from segue.agents.local import Agent as Agent
from segue.client import File as File
from segue.client import Message as Message
from segue.client import Profile as Profile
from segue.client import Session as Session
