from tests.support.recommending import shop as shop
